"""`pod:` of a cluster file: what it may say, what it may not, and that it reaches every pod that mysqlops makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from mysqlops.cli.types import PodPatch
from mysqlops.core import cluster_file, pod_patch, rollout, version
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.drill.plan import objects as drill
from mysqlops.errors import ConfigError
from mysqlops.kube import manifests
from mysqlops.objects import adopt, backup, binlog, drift, pod_template, render, running
from mysqlops.objects import cluster_file as described
from mysqlops.operations import deploy, image_check, observe, restic, trial_pod, upgrade, upgrade_checker
from mysqlops.planning import image_trial
from tests.unit.fakes.cluster import Cluster

ROOT = Path(__file__).resolve().parents[3]
REQUIRED, PREFERRED = (f"{one}DuringSchedulingIgnoredDuringExecution" for one in ("required", "preferred"))
SPEC = ClusterSpec("mysql", "db")
TOLERATION = {"key": "database", "operator": "Exists", "tolerationSeconds": 300}
PATCH = {
    "metadata": {"labels": {"team": "shop", "version": "1"}, "annotations": {"note": "true"}},
    "spec": {
        "tolerations": [TOLERATION],
        "nodeSelector": {"disk": "fast"},
        "priorityClassName": "database",
        "schedulerName": "own",
        "runtimeClassName": "kata",
        "volumes": [{"name": "extra", "configMap": {"name": "extra"}}],
        "containers": [
            {
                "name": "*",
                "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
                "volumeMounts": [{"name": "extra", "mountPath": "/extra"}],
            }
        ],
        "initContainers": [{"name": "mesh", "image": "mesh:1", "restartPolicy": "Always"}],
    },
    "roles": {
        "receiver": {"spec": {"containers": [{"name": "*", "env": [{"name": "ONLY", "value": "ours"}]}]}},
        "members": {
            "metadata": {"labels": {"role-of": "member"}},
            "spec": {"containers": [{"name": "shipper", "image": "shipper:1"}]},
        },
        "jobs": {"spec": {"priorityClassName": "batch"}},
    },
}
PATCHED = replace(SPEC, pod=pod_patch.canonical(PATCH))


@cache
def _pods(patch: str = "", any_uid: bool = False) -> dict[str, tuple[str, Json]]:
    """By what it is: its role, and its template, for all tests: they only read them."""
    spec = replace(SPEC, pod=patch, any_uid=any_uid)
    objects = render.cluster_objects(manifests.load_base(), spec, render.Agent(b"x", "1"))
    target = Target("t", "/repository", "restic:1", "claim")
    request = adopt.Request(adopt.Source("old", 3306, "root", adopt.Key("secret", "key"), "VERIFY_CA"))
    templates = [manifests.load_one(f"binlog/{one.name}") for one in (ROOT / "manifests" / "binlog").glob("*.yaml")]
    scripts = {"receiver.sh": "", "restic.sh": ""}
    receiver = binlog.objects(templates, scripts, binlog.Request(target), binlog.Source(spec, "map", "origin"))
    cluster = drill.Cluster("mysql", "db", ("mysql-0",), "python:1", "map", spec.pull_secrets, spec.pod, spec.any_uid)
    source = backup.Source(spec, "config", "map")
    jobs = {
        f"backup {number}": backup.job(restic.templates(), "x", target, steps, source)
        for number, steps in enumerate(
            (backup.CREATE, backup.LOGICAL, backup.VERIFY, backup.restore("x"), backup.REHEARSE)
        )
    }
    jobs["adopt"] = adopt.job(manifests.load_one("adopt/job.yaml"), spec, "map", request, seconds=1)
    for kind, make in (("release", adopt.release), ("confirmation", adopt.confirmation)):
        jobs[f"adopt: {kind}"] = make(manifests.load_one("adopt/job.yaml"), spec, "map", request, seconds=1)
    undo = drill.undo_job(manifests.load_one("drill/undo.yaml"), cluster, drill.Undo("node-1", "claim", "f", 1))
    client = drill.pod(manifests.load_one("drill/client.yaml"), cluster, drill.main_clients(cluster, 1, "node-1"), "x")
    deployment = next(one for one in receiver if one["kind"] == "Deployment")
    beside = manifests.load_one("exporter/statefulset.yaml")
    measured = replace(spec, exporter_image="exporter:1")
    exporting = render.cluster_objects(manifests.load_base(), measured, render.Agent(b"x", "1"), beside=beside)
    checker = upgrade_checker.pod(spec, objects, version.ServerVersion.parse("9.7.5"), "checker")
    return {
        "members": (pod_patch.MEMBERS, objects[-1]["spec"]["template"]),
        "members with an exporter": (pod_patch.MEMBERS, exporting[-1]["spec"]["template"]),
        **{name: (pod_patch.JOBS, one["spec"]["template"]) for name, one in jobs.items()},
        "receiver": (pod_patch.RECEIVER, deployment["spec"]["template"]),
        "image check": (pod_patch.IMAGE_CHECK, trial_pod.pod(spec, objects)),
        "image check of an exporter": (pod_patch.IMAGE_CHECK, trial_pod.pod(measured, exporting)),
        "upgrade checker": (pod_patch.IMAGE_CHECK, checker),
        "client": (pod_patch.DRILL, client),
        "undo": (pod_patch.DRILL, undo["spec"]["template"]),
    }


def _containers(pod: Json) -> list[Json]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


@pytest.mark.parametrize("what", list(_pods()))
def test_it_reaches_every_pod(what: str) -> None:
    role, pod = _pods(PATCHED.pod)[what]
    assert {"team": "shop", "version": "1"}.items() <= pod["metadata"]["labels"].items()
    assert pod["metadata"]["annotations"]["note"] == "true"
    spec = pod["spec"]
    assert TOLERATION in spec["tolerations"]
    assert spec["schedulerName"] == "own"
    assert spec["priorityClassName"] == ("batch" if role == pod_patch.JOBS else "database")
    assert spec.get("nodeSelector") == (None if "nodeName" in spec else {"disk": "fast"})
    assert {"name": "extra", "configMap": {"name": "extra"}} in spec["volumes"]
    assert spec["initContainers"][0]["name"] == "mesh"
    ours = {one["name"] for one in _containers(_pods()[what][1])}
    assert ours <= pod_patch.CONTAINERS
    for one in _containers(pod):
        is_ours = one["name"] in ours
        assert ({"name": "HTTPS_PROXY", "value": "http://proxy:3128"} in one.get("env", [])) == is_ours
        only = {"name": "ONLY", "value": "ours"}
        assert (only in one.get("env", [])) == (is_ours and what == "receiver")
        assert ({"name": "extra", "mountPath": "/extra"} in one.get("volumeMounts", [])) == is_ours
    assert ("shipper" in [one["name"] for one in spec["containers"]]) == (role == pod_patch.MEMBERS)
    assert ("role-of" in pod["metadata"]["labels"]) == (role == pod_patch.MEMBERS)


# The pods of a drill that reach nodes: each runs on a node that the drill chose, with rights that no patch may change.
UNPATCHED = {"drill/node.yaml"}


def test_no_pod_of_the_manifests_is_missing_above() -> None:
    """A manifest that is added later has to be among them, or among the ones that a page names as not patched."""
    tested = {one["name"] for _, pod in _pods().values() for one in _containers(pod)}
    for path in (ROOT / "manifests").rglob("*.yaml"):
        name = path.relative_to(ROOT / "manifests").as_posix()
        if path.parent.name in ("examples", "optional") or name in UNPATCHED:
            continue
        for document in yaml.safe_load_all(path.read_text()):
            for pod in _specs(document):
                assert {one["name"] for one in pod["containers"]} & tested, name


def test_a_job_of_adopt_copies_by_containers_of_ours_only() -> None:
    for what, copies in (("adopt", True), ("adopt: release", False), ("adopt: confirmation", False)):
        for patch in ("", PATCHED.pod):
            assert adopt.copies({"spec": {"template": _pods(patch)[what][1]}}) == copies


_USER = {"runAsUser", "runAsGroup", "fsGroup"}


@pytest.mark.parametrize("what", list(_pods()))
def test_with_any_uid_no_pod_names_a_user(what: str) -> None:
    """OpenShift's restricted-v2 refuses every user and group but its own; what else it demands stays."""
    fixed, left = (_pods(any_uid=one)[what][1]["spec"] for one in (False, True))
    assert fixed["securityContext"].keys() >= _USER - ({"fsGroup"} if what == "undo" else set())
    assert left["securityContext"] == {k: v for k, v in fixed["securityContext"].items() if k not in _USER}
    assert left["securityContext"]["runAsNonRoot"] is True
    for one in _containers({"spec": left}):
        assert not _USER & one.get("securityContext", {}).keys()


@pytest.mark.parametrize("what", list(_pods()))
def test_what_mysqlops_needs_of_a_pod_stays(what: str) -> None:
    before, after = _pods()[what][1], _pods(PATCHED.pod)[what][1]
    assert before["metadata"]["labels"].items() <= after["metadata"]["labels"].items()
    ours = {one["name"]: one for one in _containers(after)}
    for one in _containers(before):
        patched = ours[one["name"]]
        assert {**patched, "env": 0, "volumeMounts": 0} == {**one, "env": 0, "volumeMounts": 0}
        assert patched.get("env", [])[: len(one.get("env", []))] == one.get("env", [])
    order = [one["name"] for one in _containers(after) if one["name"] not in ("mesh", "shipper")]
    assert order == [one["name"] for one in _containers(before)]
    for key in ("securityContext", "serviceAccountName", "automountServiceAccountToken", "restartPolicy"):
        assert after["spec"].get(key) == before["spec"].get(key)


def test_a_job_of_a_target_resembles_the_pods_of_the_namespaces_first_cluster() -> None:
    cluster = Cluster(1)
    client = cluster.session().client
    target, steps = Target("t", "/repository", "restic:1", "claim"), backup.one_command("snapshots")
    made = deploy.objects(replace(PATCHED, name="a", pull_secrets=("registry",)))[-1]
    cluster.store.put(made)
    pod = backup.job(restic.templates(), "x", target, steps, restic.source(client))["spec"]["template"]
    assert (pod["metadata"]["labels"]["team"], pod["spec"]["priorityClassName"]) == ("shop", "batch")
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    for key in [key for key in cluster.store.objects if key[0] == "StatefulSet"]:
        del cluster.store.objects[key]
    pod = backup.job(restic.templates(), "x", target, steps, restic.source(client))["spec"]["template"]
    assert "priorityClassName" not in pod["spec"]


def test_the_names_that_are_ours_are_those_of_the_manifests() -> None:
    containers, volumes = set[str](), set[str]()
    for path in (ROOT / "manifests").rglob("*.yaml"):
        if path.parent.name not in ("examples", "optional"):
            for document in yaml.safe_load_all(path.read_text()):
                for pod in _specs(document):
                    containers |= {one["name"] for one in [*pod.get("initContainers", []), *pod["containers"]]}
                    volumes |= {one["name"] for one in pod.get("volumes", [])}
    for steps in vars(backup).values():
        if isinstance(steps, tuple) and steps and isinstance(steps[0], backup.Step):
            containers |= {one.name for one in steps}
    containers |= {one.name for one in (*backup.export("s", "f"), *backup.one_command("x"), *backup.restore("x"))}
    assert containers - {"node"} <= pod_patch.CONTAINERS
    assert volumes <= pod_patch.VOLUMES


def _specs(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        if isinstance(node.get("containers"), list):
            yield node
        for inner in node.values():
            yield from _specs(inner)


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"spec": {"securityContext": {}}}, "spec.pod.spec.securityContext may not be patched"),
        ({"spec": {"serviceAccountName": "x"}}, "spec.pod.spec.serviceAccountName may not be patched"),
        ({"spec": {"hostNetwork": True}}, "spec.pod.spec.hostNetwork may not be patched"),
        ({"spec": {"terminationGracePeriodSeconds": 1}}, "terminationGracePeriodSeconds may not be patched"),
        ({"spec": {"imagePullSecrets": []}}, "give spec.imagePullSecrets"),
        ({"metadata": {"name": "x"}}, "spec.pod.metadata.name may not be patched"),
        ({"metadata": {"labels": {"mysqlops.io/role": "primary"}}}, "labels.mysqlops.io/role may not be patched"),
        ({"metadata": {"labels": {"app.kubernetes.io/instance": "x"}}}, "app.kubernetes.io/instance may not be"),
        ({"metadata": {"labels": {"job-name": "x"}}}, "job-name may not be patched"),
        ({"metadata": {"annotations": {"mysqlops.io/pod": "{}"}}}, "annotations.mysqlops.io/pod may not be patched"),
        ({"metadata": {"labels": {"a": 1}}}, "spec.pod.metadata.labels.a: expected a text"),
        ({"spec": {"containers": [{"name": "mysqld", "command": ["x"]}]}}, "containers[0].command may not be patched"),
        ({"spec": {"containers": [{"name": "agent", "image": "x"}]}}, "containers[0].image may not be patched"),
        ({"spec": {"initContainers": [{"name": "prepare", "securityContext": {}}]}}, "securityContext may not be"),
        ({"spec": {"containers": [{"name": "*", "resources": {}}]}}, "resources may not be patched"),
        ({"spec": {"containers": [{"name": "*", "env": [{"name": "MYSQLOPS_POD"}]}]}}, "MYSQLOPS_POD may not be"),
        ({"spec": {"containers": [{"name": "x", "image": "y"}]}}, "would keep a Job from ending"),
        ({"roles": {"jobs": {"spec": {"containers": [{"name": "x", "image": "y"}]}}}}, "under spec.pod.roles.members"),
        ({"spec": {"initContainers": [{"name": "x"}]}}, "initContainers[0].image: expected a text"),
        ({"spec": {"volumes": [{"name": "credentials"}]}}, "volume credentials is mysqlops' own"),
        ({"spec": {"volumes": [{"name": "data-2"}]}}, "volume data-2 is mysqlops' own"),
        (
            {
                "spec": {
                    "initContainers": [
                        {"name": "x", "image": "y", "volumeMounts": [{"name": "tls", "mountPath": "/x"}]}
                    ]
                }
            },
            "volume tls is mysqlops' own and may not be mounted",
        ),
        (
            {"spec": {"containers": [{"name": "*", "volumeMounts": [{"name": "x", "mountPath": "/x"}]}]}},
            "volume x is not among the volumes beside it",
        ),
        *(
            (
                {
                    "spec": {
                        "volumes": [{"name": "x"}],
                        "containers": [{"name": "*", "volumeMounts": [{"name": "x", "mountPath": folder}]}],
                    }
                },
                f"{folder} is mysqlops' own or holds what is",
            )
            for folder in ("/", "/etc", "/run/credentials/", "/var/lib/mysql/x", "/agent")
        ),
        *(
            (
                {
                    "spec": {
                        "volumes": [{"name": "x"}],
                        "containers": [{"name": "*", "volumeMounts": [{"name": "x", "mountPath": folder}]}],
                    }
                },
                f"mountPath '{folder}': expected an absolute path without",
            )
            for folder in (
                "/var/lib//mysql/data",
                "//var/lib/mysql/data",
                "var/lib/mysql/data",
                "/opt/../var/lib/mysql/data",
                "/var/./lib/mysql",
                "/extra//",
                ".",
            )
        ),
        ({"spec": {"topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname"}]}}, "give spec.spread"),
        (
            {"spec": {"affinity": {"nodeAfinity": {}}}},
            "spec.affinity.nodeAfinity may not be patched: did you mean nodeAffinity",
        ),
        (
            {"spec": {"affinity": {"podAffinity": {"required": []}}}},
            "podAffinity.required may not be patched: expected",
        ),
        ({"spec": {"affinity": {"podAffinity": {REQUIRED: True}}}}, f"podAffinity.{REQUIRED}: expected a list"),
        ({"spec": {"affinity": {"nodeAffinity": {REQUIRED: []}}}}, f"nodeAffinity.{REQUIRED}: expected fields"),
        ({"spec": {"affinity": {"nodeAffinity": {REQUIRED: {}}}}}, "nodeSelectorTerms: expected a list"),
        (
            {"spec": {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchFields": 1}]}}}}},
            "nodeSelectorTerms[0].matchFields: expected a list",
        ),
        (
            {"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/mysqld": "unconfined"}}},
            "kubernetes.io/mysqld may not be patched: it would change what mysqlops' own containers may do",
        ),
        (
            {"metadata": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}}},
            "kubernetes.io/pod may not be patched: it would change what mysqlops' own containers may do",
        ),
        ({"spec": {"tolerations": {}}}, "spec.pod.spec.tolerations: expected a list"),
        ({"spec": {"priorityClassName": "No Name"}}, "spec.pod.spec.priorityClassName"),
        ({"roles": {"member": {}}}, "spec.pod.roles.member may not be patched: did you mean members?"),
        ({"roles": {"jobs": {"spec": {"hostPID": True}}}}, "spec.pod.roles.jobs.spec.hostPID may not be patched"),
        ({"roles": {"jobs": {"roles": {}}}}, "spec.pod.roles.jobs.roles may not be patched"),
        ([], "spec.pod: expected fields"),
        ({"metadata": {"annotations": {"a": "x" * 40_000}}}, "at most"),
    ],
)
def test_what_may_not_be_patched_is_refused_by_name(patch: Any, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        pod_patch.canonical(patch)
    assert said in str(error.value)
    with pytest.raises(ConfigError):  # it may stand in the StatefulSet all the same
        replace(SPEC, pod=json.dumps(patch))


def test_a_profile_for_a_container_of_the_users_own_is_theirs() -> None:
    key = "container.apparmor.security.beta.kubernetes.io"
    patch = {"metadata": {"annotations": {f"{key}/theirs": "unconfined", f"{key}/mysqld": "localhost/own"}}}
    assert pod_patch.load(pod_patch.canonical(patch)) == patch


def test_text_that_is_no_patch_is_refused_when_it_is_read() -> None:
    for text in ("x", "[]", "1", '{"spec": {"hostPID": true}}'):
        with pytest.raises(ConfigError):
            replace(SPEC, pod=text)
    stateful_set = deploy.objects(PATCHED)[-1]
    stateful_set["spec"]["template"]["metadata"]["annotations"][pod_patch.ANNOTATION] = '{"spec":{"hostIPC":true}}'
    with pytest.raises(ConfigError, match="hostIPC"):
        running.spec_of(stateful_set, {}, None)


FILE = """\
apiVersion: mysqlops/v1
kind: Cluster
metadata: {name: mysql}
spec:
  spread: required
  pod:
    metadata:
      labels: {version: 1, ready: true}
    spec:
      tolerations:
      - {key: database, operator: Exists, tolerationSeconds: 300}
      volumes:
      - {name: extra, secret: {secretName: extra, optional: true, defaultMode: 0440}}
      containers:
      - name: "*"
        env:
        - {name: DEBUG, value: 1}
"""


def test_a_file_gives_numbers_and_texts_where_the_api_wants_them(tmp_path: Path) -> None:
    (document,) = cluster_file.parse(FILE, "f")
    spec = described.spec_of(document, SPEC, is_running=False)
    found = pod_patch.load(spec.pod)
    assert found["metadata"]["labels"] == {"version": "1", "ready": "true"}
    assert found["spec"]["tolerations"] == [{"key": "database", "operator": "Exists", "tolerationSeconds": 300}]
    assert found["spec"]["volumes"][0]["secret"] == {"secretName": "extra", "optional": True, "defaultMode": 0o440}
    assert found["spec"]["containers"][0]["env"] == [{"name": "DEBUG", "value": "1"}]
    assert spec.spread == "required"
    file = tmp_path / "pod.yaml"
    lines = FILE.partition("  pod:\n")[2].splitlines()
    file.write_text("\n".join(line[4:] for line in lines))
    assert PodPatch().convert(str(file), None, None) == spec.pod
    file.write_text("")
    assert PodPatch().convert(str(file), None, None) == ""


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        (
            "      tolerations:",
            "      hostPID: true\n      tolerations:",
            10,
            "spec.pod.spec.hostPID may not be patched",
        ),
        ("tolerations:", "toleration:", 10, "spec.pod.spec.toleration may not be patched: did you mean tolerations?"),
        ("labels:", "lables:", 8, "spec.pod.metadata.lables may not be patched: did you mean labels?"),
        ("    metadata:\n      labels", "    metdata:\n      labels", 7, "did you mean metadata?"),
        ("    metadata:\n", "    roles: {job: {}}\n    metadata:\n", 7, "did you mean jobs?"),
        ("version: 1", "mysqlops.io/role: x", 8, "spec.pod.metadata.labels.mysqlops.io/role may not be patched"),
        ("DEBUG", "MYSQLOPS_POD", 17, "spec.pod.spec.containers[0].env[0]: MYSQLOPS_POD may not be patched"),
        ("        env:", "        enf:", 16, "spec.pod.spec.containers[0].enf may not be patched: did you mean env?"),
    ],
)
def test_an_error_names_its_line_and_the_nearest_field(old: str, new: str, line: int, why: str, tmp_path: Path) -> None:
    text = FILE.replace(old, new)
    with pytest.raises(ConfigError) as error:
        cluster_file.parse(text, "f")
    assert str(error.value).startswith(f"f line {line}: ")
    assert why in str(error.value)
    file = tmp_path / "pod.yaml"
    file.write_text("\n".join(row[4:] for row in text.partition("  pod:\n")[2].splitlines()))
    with pytest.raises(click.BadParameter) as refused:
        PodPatch().convert(str(file), None, None)
    assert f"pod.yaml line {line - 6}: " in refused.value.message


def test_the_page_is_true() -> None:
    text = (ROOT / "docs" / "reference" / "pods.md").read_text()
    (document,) = cluster_file.parse(text.partition("```yaml\n")[2].partition("```")[0], "pods.md")
    assert pod_patch.load(described.spec_of(document, SPEC, is_running=False).pod)["roles"]["jobs"]
    assert all(f"| `{role}` |" in text for role in pod_patch.ROLES)
    assert all(f"`{field}`" in text for field in pod_patch._SPEC)


@pytest.mark.parametrize("spec", [SPEC, PATCHED, replace(SPEC, spread="required")])
def test_a_running_cluster_says_what_its_patch_is(spec: ClusterSpec) -> None:
    objects = deploy.objects(spec)
    found = running.spec_of(objects[-1], {}, None)
    assert (found.pod, found.spread) == (spec.pod, spec.spread)
    assert drift.differences(objects[-1], deploy.objects(found)[-1]) == []


def test_a_rollout_that_goes_back_takes_the_old_patch_with_it() -> None:
    before = deploy.objects(PATCHED)[-1]
    record = rollout.Rollout("x", "2026-01-01T00:00:00Z", before["spec"]["template"], "9.7.4", "9.7.4")
    after = deploy.objects(SPEC)[-1]
    after["spec"]["template"] = record.before
    assert running.spec_of(after, {}, None).pod == PATCHED.pod


@pytest.mark.parametrize(
    ("before", "changed"),
    [(PATCHED, {"pod": ""}), (replace(SPEC, any_uid=True), {"any_uid": False}), (SPEC, {"any_uid": True})],
)
def test_what_is_no_longer_wanted_is_rolled_out_too(
    before: ClusterSpec, changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(3)
    for one in deploy.objects(before):
        cluster.store.put(one)
    cluster.settle()
    tried = image_trial.Tried((), version.ServerVersion.parse("9.7.4"))
    monkeypatch.setattr(image_check, "check", lambda *_: tried)
    session = cluster.session()
    found = observe.must_run(session.client, "mysql")
    assert upgrade.plan(session, "mysql", found, found.spec).record is None
    assert upgrade.plan(session, "mysql", found, replace(found.spec, **changed)).record is not None


def test_a_removed_patch_is_a_difference() -> None:
    assert running.differences(SPEC, running.spec_of(deploy.objects(PATCHED)[-1], {}, None), {"pod"})


# Merging


class Owner:
    any_uid = False

    def __init__(self, **spec: Any) -> None:
        self.pod = pod_patch.canonical({"spec": spec})

    def pull_references(self) -> list[dict[str, str]]:
        return []


def _merged(pod: Json, **spec: Any) -> Json:
    template: Json = {"metadata": {}, "spec": {"containers": [], **pod}}
    pod_template.finish(template, Owner(**spec), pod_patch.MEMBERS)
    merged: Json = template["spec"]
    return merged


def _nodes(*terms: Json) -> Json:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}}


def test_a_node_must_satisfy_both_affinities() -> None:
    ours, a, b = {"matchFields": ["ours"]}, {"matchExpressions": ["a"]}, {"matchFields": ["b"]}
    assert _merged({"affinity": _nodes(ours)}, affinity=_nodes(a, b))["affinity"] == _nodes(
        {"matchFields": ["ours"], "matchExpressions": ["a"]}, {"matchFields": ["ours", "b"]}
    )
    assert _merged({}, affinity=_nodes(a))["affinity"] == _nodes(a)
    preferred = {"podAffinity": {PREFERRED: [1]}}
    found = _merged({"affinity": preferred}, affinity={"podAffinity": {PREFERRED: [2], REQUIRED: [3]}})
    assert found["affinity"] == {"podAffinity": {PREFERRED: [1, 2], REQUIRED: [3]}}


def test_a_constraint_of_ours_keeps_what_a_patch_does_not_name() -> None:
    zone = {"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"x": 1}}
    patch = [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}, {"topologyKey": "rack"}]
    found = _merged({"topologySpreadConstraints": [zone]}, topologySpreadConstraints=patch)
    assert found["topologySpreadConstraints"] == [
        {**zone, "whenUnsatisfiable": "DoNotSchedule"},
        {"topologyKey": "rack"},
    ]


def test_a_variable_of_ours_wins() -> None:
    pod = {"containers": [{"name": "mysqld", "env": [{"name": "A", "value": "ours"}]}]}
    env = [{"name": "A", "value": "theirs"}, {"name": "B", "value": "b"}]
    found = _merged(pod, containers=[{"name": "mysqld", "env": env}])
    assert found["containers"][0]["env"] == [{"name": "A", "value": "ours"}, {"name": "B", "value": "b"}]


def test_required_spread_is_one_word_in_the_template() -> None:
    plain, strict = (
        deploy.objects(replace(SPEC, spread=one))[-1]["spec"]["template"] for one in ("preferred", "required")
    )
    hosts = [one["topologySpreadConstraints"][0]["whenUnsatisfiable"] for one in (plain["spec"], strict["spec"])]
    assert hosts == ["ScheduleAnyway", "DoNotSchedule"]
    with pytest.raises(ConfigError, match="expected preferred or required"):
        replace(SPEC, spread="always")
