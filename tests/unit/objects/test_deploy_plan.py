"""Rendering, differences, and the plan of deploy, on the real manifests."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mysqlops.cli import yaml_text
from mysqlops.cli.main import COMMANDS
from mysqlops.core import names, routing
from mysqlops.core.plan import Step
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import Refused
from mysqlops.kube import manifests
from mysqlops.objects import drift, render, running
from mysqlops.operations import bundle, deploy
from mysqlops.planning import deploy as planning

SPEC = ClusterSpec(name="orders", namespace="shop", storage_size="2Gi", mysqld={"max_connections": "42"})
APPLY_ANNOTATION_LIMIT = 256 * 1024


def _live(objects: list[dict[str, Any]]) -> dict[planning.Key, dict[str, Any] | None]:
    return {(item["kind"], item["metadata"]["name"]): copy.deepcopy(item) for item in objects}


def test_the_base_name_is_replaced_everywhere() -> None:
    for item in deploy.objects(SPEC):
        if item["kind"] == "ConfigMap":
            item.pop("data", None)
            item.pop("binaryData", None)
        text = json.dumps(item).replace("/var/lib/mysql", "").replace("/run/mysqlops", "").replace("/etc/mysqlops", "")
        words = {word for word in text.replace('"', " ").split() if word == "mysql" or word.startswith("mysql-")}
        assert not words, item["kind"]


def test_options_arrive_where_they_belong() -> None:
    objects = {(item["kind"], item["metadata"]["name"]): item for item in deploy.objects(SPEC)}
    stateful_set = objects["StatefulSet", "orders"]
    assert stateful_set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == "2Gi"
    assert "max_connections = 42\n" in objects["ConfigMap", "orders-config"]["data"]["my.cnf"]
    assert objects["RoleBinding", "orders"]["subjects"][0]["namespace"] == "shop"
    assert objects["Role", "orders"]["rules"][1]["resourceNames"][8] == "orders-8"
    assert list(objects)[-1] == ("StatefulSet", "orders")


def test_the_agents_threads_share_a_heap_and_mysqlds_do_not() -> None:
    """In mysqld, each statement would wait for it."""
    template = deploy.objects(SPEC)[-1]["spec"]["template"]["spec"]
    agent, mysqld = ({one["name"]: one["env"] for one in template["containers"]}[name] for name in ("agent", "mysqld"))
    assert agent == [*mysqld, {"name": "MALLOC_ARENA_MAX", "value": "1"}]


def test_every_container_is_locked_down_and_sees_no_more_than_it_needs() -> None:
    template = deploy.objects(SPEC)[-1]["spec"]["template"]["spec"]
    for container in (*template["initContainers"], *template["containers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"], container["name"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"]["memory"], container["name"]
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert "token" not in mounts or container["name"] in ("wait-for-database", "agent")
    mysqld = next(one for one in template["containers"] if one["name"] == names.CONTAINER_MYSQLD)
    assert "credentials" not in {mount["name"] for mount in mysqld["volumeMounts"]}


def test_rendering_is_the_same_each_time() -> None:
    assert yaml_text.dump(deploy.objects(SPEC)) == yaml_text.dump(deploy.objects(SPEC))


def test_annotations_that_nothing_reads_are_left_out_and_lines_keep_their_numbers() -> None:
    source = (
        "class A:\n    x: int = 1\n\n"
        "def f(a: int, *b: str, c: dict[str, int] = {'é': 1}) -> int:\n"
        "    d: list[int] = [a]\n    e: int\n    return d[0]\n\n"
        "def g() -> dict[\n    str, int\n]:\n    return {}\n"
    )
    bare = bundle._untyped(source.encode()).decode()
    assert bare.splitlines()[:7] == [
        *(
            "class A:",
            "    x: int = 1",
            "",
            "def f(a, *b, c = {'é': 1}):",
            "    d = [a]",
            "    e: int",
            "    return d[0]",
        )
    ]
    assert len(bare.splitlines()) == len(source.splitlines())
    found: dict[str, Any] = {}
    exec(compile(bare, "bare", "exec", dont_inherit=True), found)  # noqa: S102
    assert (found["f"](3), found["g"](), found["A"].__annotations__) == (3, {}, {"x": int})


def test_the_yaml_uses_the_names_of_the_code() -> None:
    objects = {(item["kind"], item["metadata"]["name"]): item for item in manifests.load_base()}
    stateful_set = objects["StatefulSet", "mysql"]
    assert stateful_set["spec"]["selector"]["matchLabels"] == names.selector("mysql")
    for service, role in ((names.primary_service, "primary"), (names.replicas_service, "replica")):
        selector = objects["Service", service("mysql")]["spec"]["selector"]
        assert selector == {**names.selector("mysql"), **routing.selected(role)}
        assert routing.role_selected(selector) == role
        assert selector.items() <= {**names.selector("mysql"), **routing.labels(role)}.items()
    for name in (names.config_map("mysql"), names.agent_config_map("mysql")):
        assert ("ConfigMap", name) in objects
    ports = {
        port["name"]: port["containerPort"]
        for c in stateful_set["spec"]["template"]["spec"]["containers"]
        for port in c["ports"]
    }
    assert ports == {"sql": names.PORT_MYSQL, "agent": names.PORT_AGENT}


def test_nothing_there_means_everything_is_applied_and_then_nothing() -> None:
    wanted = deploy.objects(SPEC)
    steps = planning.plan(wanted, dict.fromkeys(_live(wanted)), []).steps
    assert [step.name for step in steps] == [item["metadata"]["name"] for item in wanted]
    assert planning.plan(wanted, _live(wanted), []).steps == ()


def test_cut_after_every_step_the_rest_is_what_remains() -> None:
    wanted = deploy.objects(SPEC)
    everything = planning.plan(wanted, dict.fromkeys(_live(wanted)), []).steps
    for done in range(len(everything) + 1):
        live = dict.fromkeys(_live(wanted)) | _live(wanted[:done])
        assert _but_for_the_program(planning.plan(wanted, live, []).steps) == _but_for_the_program(everything[done:])


def _but_for_the_program(steps: Sequence[Step]) -> list[Step]:
    """Until a StatefulSet exists, that one is applied each time: somebody else may have put another one there."""
    return [step for step in steps if "binaryData" not in (step.manifest or {})]


def test_a_service_changed_by_hand_is_restored() -> None:
    wanted = deploy.objects(SPEC)
    live = _live(wanted)
    service = live["Service", "orders-primary"]
    assert service is not None
    service["spec"]["selector"][names.LABEL_ROLE] = "replica"
    (step,) = planning.plan(wanted, live, []).steps
    assert (step.kind, step.name) == ("Service", "orders-primary")
    assert "mysqlops.io/role: wanted primary, found replica" in step.why


def test_services_of_an_older_release_get_the_protocol_of_their_port() -> None:
    """They are brought there as any other field, and no pod is touched for it."""
    wanted = deploy.objects(SPEC)
    live = _live(wanted)
    for (kind, _), found in live.items():
        if kind == "Service" and found is not None:
            for port in found["spec"]["ports"]:
                assert port.pop("appProtocol") == "tcp"
    steps = planning.plan(wanted, live, []).steps
    services = [("Service", name) for name in ("orders", "orders-primary", "orders-replicas")]
    assert sorted((step.kind, step.name) for step in steps) == services
    assert {step.why for step in steps} == {"spec.ports[sql].appProtocol: wanted tcp, found nothing"}


@pytest.mark.parametrize(
    ("change", "told", "verb"),
    [
        ({"replicas": 5}, "--replicas 5: orders runs with 3", "scale orders --replicas 5"),
        ({"image": "mysql:8.4"}, "--image mysql:8.4", "upgrade orders --image mysql:8.4"),
        ({"storage_size": "4Gi"}, "--storage-size 4Gi: orders runs with 2Gi", "storage resize orders --size 4Gi"),
        (
            {"client_namespaces": ("a", "b")},
            "--client-namespaces a,b: orders runs with ''",
            "upgrade orders --client-namespaces a,b",
        ),
        ({"limit_egress": True}, "--limit-egress True", "upgrade orders --limit-egress"),
        ({"pull_secrets": ("own",)}, "--image-pull-secrets own", "upgrade orders --image-pull-secrets own"),
        (
            {"failure_detection": "fast"},
            "--failure-detection fast: orders runs with safe",
            "upgrade orders --failure-detection fast",
        ),
        ({"spread": "required"}, "--spread required: orders runs with preferred", "upgrade orders --spread required"),
        ({"any_uid": True}, "--any-uid True: orders runs with False", "upgrade orders --any-uid"),
        ({"pod": '{"spec":{"schedulerName":"x"}}'}, "--pod-patch: orders runs", "upgrade orders --pod-patch FILE"),
        ({"mysqld": {"max_connections": "43"}}, "differ from the running ones: max_connections", "config set orders"),
    ],
)
def test_a_changed_option_is_named_with_the_verb_that_changes_it(change: dict[str, Any], told: str, verb: str) -> None:
    objects = deploy.objects(SPEC)
    settings = next(item for item in objects if item["metadata"]["name"] == "orders-config")["data"]
    policy = next(item for item in objects if item["kind"] == "NetworkPolicy")
    current = running.spec_of(objects[-1], settings, policy)
    assert running.differences(SPEC, current) == []
    (reason,) = running.differences(replace(SPEC, **change), current)
    assert told in reason.message
    assert f"mysqlops {verb}" in str(reason.hint)
    assert verb.split(maxsplit=1)[0] in COMMANDS


def test_the_same_quantity_written_otherwise_is_no_change() -> None:
    written = replace(SPEC, storage_size="2048Mi", cpu="0.5", memory="1024Mi")
    assert running.differences(written, SPEC) == []
    one, other = (replace(SPEC, client_namespaces=names) for names in (("web", "jobs"), ("jobs", "web")))
    assert running.differences(one, other) == []


def test_a_template_changed_by_hand_is_not_mended_in_passing() -> None:
    wanted = deploy.objects(SPEC)
    live = _live(wanted)
    stateful_set = live["StatefulSet", "orders"]
    assert stateful_set is not None
    stateful_set["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 5
    with pytest.raises(Refused, match="terminationGracePeriodSeconds: wanted 120, found 5"):
        planning.plan(wanted, live, [])


def test_settings_and_agents_of_their_own_leave_the_running_ones_alone() -> None:
    objects = deploy.objects(SPEC, render.InUse("orders-config-x", "orders-agent-y"))
    named = {item["metadata"]["name"] for item in objects if item["kind"] == "ConfigMap"}
    assert named == {"orders-config-x", "orders-agent-y"}
    assert render.in_use_of(objects[-1]) == render.InUse("orders-config-x", "orders-agent-y")


def test_claims_without_their_secret_are_refused() -> None:
    wanted = deploy.objects(SPEC)
    with pytest.raises(Refused, match="data-orders-0"):
        planning.plan(wanted, dict.fromkeys(_live(wanted)), ["data-orders-0"])


def test_objects_of_somebody_else_are_refused() -> None:
    wanted = deploy.objects(SPEC)
    live = dict.fromkeys(_live(wanted)) | {("Service", "orders"): {"metadata": {"name": "orders"}}}
    with pytest.raises(Refused, match="Service orders exists and was not created by mysqlops"):
        planning.plan(wanted, live, [])


def test_quantities_and_server_defaults_are_no_differences() -> None:
    wanted = {"resources": {"requests": {"cpu": "1000m", "memory": "1Gi"}}, "list": [{"name": "a", "x": 1}]}
    found = {
        "resources": {"requests": {"cpu": "1", "memory": "1024Mi"}},
        "list": [{"name": "b"}, {"name": "a", "x": 1, "y": 2}],
    }
    assert drift.differences(wanted, found) == []
    assert [str(one) for one in drift.differences({"a": [1]}, {})] == ["a: wanted [1], found []"]


def test_a_live_change_of_the_settings_is_no_change_by_hand() -> None:
    """`config set` changes the ConfigMap in place, and nothing of the StatefulSet (B18)."""
    before, after = deploy.objects(SPEC), deploy.objects(replace(SPEC, mysqld={"max_connections": "43"}))
    changed = {item["metadata"]["name"] for item in after if drift.differences(item, _live(before)[_key(item)])}
    assert changed == {"orders-config"}
    live = _live(before) | {
        ("ConfigMap", "orders-config"): next(one for one in after if _key(one)[1] == "orders-config")
    }
    assert planning.plan(after, live, []).steps == ()


def test_what_was_changed_by_hand_names_the_command_that_brings_it_in_line() -> None:
    wanted, live = deploy.objects(SPEC), _live(deploy.objects(SPEC))
    config = live["ConfigMap", "orders-config"]
    assert config is not None
    config["data"]["my.cnf"] += "x=1\n"
    with pytest.raises(Refused) as refusal:
        planning.plan(wanted, live, [])
    assert refusal.value.reasons[0].hint == "mysqlops upgrade orders applies it, pod by pod"


def _key(item: dict[str, Any]) -> planning.Key:
    return item["kind"], item["metadata"]["name"]
