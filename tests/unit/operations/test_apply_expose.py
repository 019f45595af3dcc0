"""`spec.expose` of a cluster file: Services that are opened, changed, closed, and left alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli import yaml_text
from mysqlops.core import cluster_file, exposure, names
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.objects import cluster_file as cluster_files
from mysqlops.objects import exposed
from mysqlops.operations import apply, compared, expose, outside
from mysqlops.operations.cluster_file import export
from mysqlops.planning import agreed
from tests.simulation.backend import Simulated
from tests.simulation.clients import CliClient
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import Cluster
from tests.unit.operations.test_apply import FILE, _cluster
from tests.unit.operations.test_expose import _request, _session

MORE = FILE.replace("replicas: 1", "replicas: 3")
BRIEF = "LoadBalancer to the primary for 203.0.113.0/24"
OUTSIDE = "{sourceRanges: [203.0.113.0/24]}"


def _file(expose: str = "") -> str:
    return f"{MORE}  expose: {expose}\n" if expose else MORE


def _apply(cluster: Cluster, expose: str = "", *, signs: tuple[str, ...] = ()) -> list[str]:
    session = _session(cluster, signs=[*signs])
    return [action.verb for action in apply.execute(session, _task(expose))]


def _task(expose: str) -> compared.Task:
    (document,) = cluster_file.parse(_file(expose), "f.yaml")
    return compared.Task(document, ClusterSpec("mysql", "db"), agreed.Choice())


def _differences(cluster: Cluster, expose: str) -> list[str]:
    return [str(one) for one in compared.differences(cluster.session().client, _task(expose))]


@pytest.fixture
def cluster() -> Cluster:
    """Its file without Services is applied."""
    made = _cluster()
    _apply(made)
    return made


def _spec(cluster: Cluster, kind: str, name: str) -> Any:
    return cluster.store.objects[kind, name]["spec"]


@pytest.mark.parametrize("spec", [{"type": "ExternalName", "externalName": "elsewhere"}, {"type": "ClusterIP"}])
def test_a_service_that_somebody_made_another_of_is_opened_again(cluster: Cluster, spec: Any) -> None:
    """`diff`, `apply` and `export` ended with a KeyError: such a Service has no port."""
    wanted = f"{{outside: {OUTSIDE}}}"
    _apply(cluster, wanted)
    cluster.store.objects["Service", "outside"]["spec"] = dict(spec)
    (difference,) = _differences(cluster, wanted)
    assert difference.startswith("spec.expose.outside: unfinished, or changed by somebody else -> LoadBalancer")
    assert any("outside" in one for one in export(cluster.session().client, "mysql").unsaid)
    assert _apply(cluster, wanted) == ["expose"]


def test_a_service_is_opened_changed_and_closed_and_nothing_is_left_to_do_each_time(cluster: Cluster) -> None:
    assert _apply(cluster, f"{{outside: {OUTSIDE}}}") == ["expose"]
    assert _spec(cluster, "Service", "outside")["type"] == "LoadBalancer"
    assert _apply(cluster, f"{{outside: {OUTSIDE}}}") == []
    changed = "{outside: {sourceRanges: [203.0.113.0/24, 10.0.0.0/8], port: 3307, annotations: {a/b: c}}}"
    assert _differences(cluster, changed) == [
        "spec.expose.outside.sourceRanges: 203.0.113.0/24 -> 10.0.0.0/8,203.0.113.0/24",
        "spec.expose.outside.port: none -> 3307",
        "spec.expose.outside.annotations: none -> {'a/b': 'c'}",
    ]
    assert _apply(cluster, changed) == ["expose"]
    assert _spec(cluster, "Service", "outside")["ports"][0]["port"] == 3307
    assert len(_spec(cluster, "NetworkPolicy", "outside-clients")["ingress"][0]["from"]) == 2
    assert _differences(cluster, changed) == []
    assert _apply(cluster, "{}") == ["unexpose"]
    assert ("Service", "outside") not in cluster.store.objects
    assert ("NetworkPolicy", "outside-clients") not in cluster.store.objects


def test_a_file_that_does_not_speak_of_services_leaves_them_alone(cluster: Cluster) -> None:
    """A file written before there was that field must not cut off clients."""
    expose.expose(cluster.session(), "mysql", _request(), wait=False)
    assert _differences(cluster, "") == []
    assert _apply(cluster) == []
    assert _differences(cluster, "{}") == [f"spec.expose.outside: {BRIEF} -> none"]


def test_one_is_closed_before_another_is_opened(cluster: Cluster) -> None:
    """The port of a node is free only then."""
    here = "{sourceRanges: [203.0.113.0/24], type: NodePort, nodePort: 30306}"
    _apply(cluster, f"{{outside: {here}}}")
    cluster.store.log.clear()
    assert _apply(cluster, f"{{reads: {here}}}") == ["unexpose", "expose"]
    changed = [line for line in cluster.store.log if " Service " in line]
    assert changed == ["DELETE Service outside", "APPLY Service reads"]


def test_the_steps_are_shown_and_change_nothing(cluster: Cluster) -> None:
    _apply(cluster, f"{{outside: {OUTSIDE}}}")
    session, task = cluster.session(), _task(f"{{reads: {OUTSIDE}}}")
    cluster.store.log.clear()
    steps = apply.preview(session, task, compared.seen(session.client, task))
    assert [f"{step.action} {step.kind} {step.name}" for step in steps] == [
        "unexpose cluster mysql",
        "delete Service outside",
        "delete NetworkPolicy outside-clients",
        "expose cluster mysql",
        "apply NetworkPolicy reads-clients",
        "apply Service reads",
    ]
    assert cluster.store.log == []


def test_a_name_that_is_taken_is_refused_before_the_cluster_is_deployed(cluster: Cluster) -> None:
    cluster.store.put({"kind": "Service", "metadata": {"name": "outside"}, "spec": {}})
    cluster.store.objects["Lease", names.group_lease("mysql")]["metadata"]["annotations"].pop(names.ANNOTATION_VERSION)
    session, task = cluster.session(), _task(f"{{outside: {OUTSIDE}}}")
    found = compared.seen(session.client, task)
    assert [action.verb for action in found.actions] == ["deploy", "expose"]
    with pytest.raises(errors.Refused) as refused:
        apply.preview(session, task, found)
    assert [one.code for one in refused.value.reasons] == ["service-taken"]


def test_what_somebody_changed_or_a_kill_left_is_put_right(cluster: Cluster) -> None:
    wanted = f"{{outside: {OUTSIDE}}}"
    _apply(cluster, wanted)
    admitted = _spec(cluster, "NetworkPolicy", "outside-clients")["ingress"][0]["from"]
    admitted.append({"ipBlock": {"cidr": "0.0.0.0/0"}})
    unfinished = f"spec.expose.outside: unfinished, or changed by somebody else -> {BRIEF}"
    assert _differences(cluster, wanted) == [unfinished]
    assert _apply(cluster, wanted) == ["expose"]
    peers = _spec(cluster, "NetworkPolicy", "outside-clients")["ingress"][0]["from"]
    assert peers == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]
    del cluster.store.objects["NetworkPolicy", "outside-clients"]
    assert "spec.expose" not in yaml_text.dump(export(cluster.session().client, "mysql").documents)
    assert [one for one in export(cluster.session().client, "mysql").unsaid if "omits spec.expose: outside" in one]
    assert _apply(cluster, wanted) == ["expose"]
    cluster.store.objects["Lease", names.group_lease("mysql")]["metadata"]["annotations"].pop(exposure.ANNOTATION)
    assert _apply(cluster, wanted) == ["expose"]
    assert _apply(cluster, wanted) == []


def test_a_name_is_in_the_certificate_before_the_service_is_open(cluster: Cluster) -> None:
    wanted = "{outside: {sourceRanges: [203.0.113.0/24], hostname: db.example.com}}"
    kills = 0
    while True:
        left = [kills]

        def dies(_: str, left: list[int] = left) -> bool:
            left[0] -= 1
            return left[0] < 0

        cluster.store.kill_after = dies
        try:
            _apply(cluster, wanted, signs=("db.example.com",))
            break
        except Killed:
            kills += 1
        cluster.store.kill_after = lambda _: False
    assert kills >= 3
    lease = cluster.store.objects["Lease", names.group_lease("mysql")]
    assert exposure.read(lease["metadata"]["annotations"])["outside"].signed
    assert _differences(cluster, wanted) == []
    (document,) = export(cluster.session().client, "mysql").documents[-1:]
    assert document["spec"]["expose"] == {
        "outside": {
            "sourceRanges": ["203.0.113.0/24"],
            "type": "LoadBalancer",
            "role": "primary",
            "hostname": "db.example.com",
        }
    }


def test_what_others_filled_in_is_not_what_somebody_asked_for(cluster: Cluster) -> None:
    """A controller writes annotations of its own, and the API server a port of the nodes."""
    wanted = "{outside: {sourceRanges: [203.0.113.0/24], type: NodePort, annotations: {ours: here}}}"
    _apply(cluster, wanted)
    found = cluster.store.objects["Service", "outside"]
    found["spec"]["ports"][0]["nodePort"] = 31000
    found["metadata"]["annotations"]["cloud/status"] = "up"
    port: Json = {"f:port": {}, "f:name": {}}
    ours = {"f:metadata": {"f:annotations": {"f:ours": {}}}, "f:spec": {"f:ports": {'k:{"port":3306}': port}}}
    theirs: Json = {"f:metadata": {"f:annotations": {"f:cloud/status": {}}}}
    found["metadata"]["managedFields"] = [
        {"manager": names.FIELD_MANAGER, "operation": "Apply", "fieldsV1": ours},
        {"manager": "cloud", "operation": "Update", "fieldsV1": theirs},
    ]
    assert _differences(cluster, wanted) == []
    document = export(cluster.session().client, "mysql").documents[-1]
    assert document["spec"]["expose"]["outside"]["annotations"] == {"ours": "here"}
    assert "nodePort" not in document["spec"]["expose"]["outside"]
    port["f:nodePort"] = {}
    assert _differences(cluster, wanted) == ["spec.expose.outside.nodePort: 31000 -> none"]


def test_the_owners_that_the_api_server_notes_say_what_was_asked_for() -> None:
    """As test_field_owners has it: an API server that keeps managers of fields."""
    server = Simulated()
    client = CliClient(server)
    asked = _request(type="NodePort", annotations={"ours": "here"}).check("mysql")
    for one in (exposed.service("mysql", "db", asked), exposed.policy("mysql", "db", asked)):
        client.apply(one)
    port = {**client.get("Service", "outside")["spec"]["ports"][0], "nodePort": 31000}
    change = {"metadata": {"annotations": {"cloud/status": "up"}}, "spec": {"ports": [port]}}
    server.merge_patch("Service", "outside", change, manager="cloud-controller")
    notes = {exposure.ANNOTATION: json.dumps({"outside": asdict(exposure.Exposure("primary", "NodePort"))})}
    made, admitting = client.get("Service", "outside"), client.get("NetworkPolicy", "outside-clients")
    found = outside.requests("mysql", {"outside": made}, {"outside": admitting}, notes)["outside"]
    assert found is not None
    assert cluster_files.exposed_facts(found) == cluster_files.exposed_facts(asked)
