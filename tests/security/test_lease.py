"""A member's token, or an operator's, writes whatever it may into the annotations that the commands read: no command of
the owner makes an object of it, and none breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from mysqlops.core import names
from mysqlops.core.typed import Json
from tests.cluster.conftest import SMALL, Namespace, eventually, run

pytestmark = pytest.mark.cluster
_ANNOTATIONS = sorted(
    value
    for key, value in vars(names).items()
    # What the members believe each other is the matter of tests/cluster and of the simulator.
    if key.startswith("ANNOTATION_") and key not in ("ANNOTATION_GROUP", "ANNOTATION_MEMBER")
)
# What commands may answer: done, refused with a reason, timed out, degraded or down. Never 1, "unexpected".
_ANSWERS = {0, 2, 3, 5, 6, 8, 9, 10}


@pytest.fixture(scope="module")
def small(namespace: Namespace) -> Namespace:
    namespace.must("deploy", "mysql", "--replicas", "1", *SMALL)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "precious"}, "stringData": {"x": "y"}}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
    return namespace


@pytest.fixture(scope="module")
def as_member(small: Namespace) -> Callable[..., str]:
    """kubectl with the token of the members' ServiceAccount."""
    token = small.kubectl("create", "token", "mysql").strip()
    config = json.loads(small.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    server = config["clusters"][0]["cluster"]["server"]

    def call(*words: str) -> str:
        login = ("--kubeconfig=/dev/null", f"--server={server}", "--insecure-skip-tls-verify", f"--token={token}")
        done = run("kubectl", *login, "-n", small.name, *words, timeout=60)
        return done.out + done.err

    return call


def _evil(small: Namespace) -> Json:
    """The cluster's StatefulSet with a pod that mounts another application's Secret."""
    found: Json = json.loads(small.kubectl("get", "statefulset", "mysql", "-o", "json"))
    found["metadata"] = {key: found["metadata"][key] for key in ("name", "namespace", "labels")}
    found.pop("status")
    found["spec"]["template"]["spec"]["serviceAccountName"] = "default"
    found["spec"]["template"]["spec"]["volumes"].append({"name": "loot", "secret": {"secretName": "precious"}})
    return found


def _note(as_member: Callable[..., str], small: Namespace, wanted: Mapping[str, str | None]) -> None:
    """By `update`, the only verb that a member has: the whole Lease."""
    lease = json.loads(small.kubectl("get", "lease", "mysql-group", "-o", "json"))
    notes = lease["metadata"].setdefault("annotations", {})
    lease["metadata"]["annotations"] = {key: value for key, value in {**notes, **wanted}.items() if value is not None}
    lease["metadata"].pop("managedFields", None)
    _replace(as_member, lease)


def _replace(as_member: Callable[..., str], lease: Json) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(lease))
        file.flush()
        told = as_member("replace", "-f", file.name)
    assert "replaced" in told, told


def _shape(small: Namespace) -> Json:
    found: Json = json.loads(small.kubectl("get", "statefulset", "mysql", "-o", "json"))
    return {"uid": found["metadata"]["uid"], "spec": found["spec"]}


def test_a_stateful_set_in_the_lease_is_never_made(small: Namespace, as_member: Callable[..., str]) -> None:
    """As in the finding: `storage resize` to the size that there is."""
    before = _shape(small)
    _note(as_member, small, {names.ANNOTATION_RECREATING: json.dumps(_evil(small))})
    done = small.mysqlops("storage", "resize", "mysql", "--size", "1Gi")
    assert done.code == 0, done.err
    assert _shape(small) == before
    assert {one["metadata"]["name"] for one in small.objects("statefulsets")} == {"mysql"}


def test_a_member_can_put_no_stateful_set_aside(small: Namespace, as_member: Callable[..., str]) -> None:
    evil = _evil(small)
    evil["metadata"]["name"] = names.parked("mysql")
    told = as_member("create", "statefulset", "x") + as_member("get", "statefulset", names.parked("mysql"))
    assert "created" not in told
    done = as_member("auth", "can-i", "create", "statefulsets.apps")
    assert done.startswith("no"), done


_ASK = """
import urllib.error, urllib.request
for path in ("healthz", "readyz", "metrics"):
    try:
        answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5)
    except urllib.error.HTTPError as refused:
        answer = refused
    print(path, answer.status, ascii(answer.read(80).decode()))
""".replace("{port}", str(names.PORT_AGENT))


def test_half_a_character_in_a_fence_ends_no_thread_of_the_agent(
    small: Namespace, as_member: Callable[..., str]
) -> None:
    """At the first /readyz, the port's thread ended, kubelet restarted the agent, and its member left the group."""

    def asked() -> dict[str, list[str]]:
        told = small.kubectl("exec", "mysql-0", "-c", "agent", "--", "python3", "-c", _ASK)
        return {line.split()[0]: line.split(maxsplit=2)[1:] for line in told.splitlines()}

    _note(as_member, small, {names.ANNOTATION_FENCED: '{"mysql-0": "\\ud800 disk"}'})
    try:
        eventually(lambda: "ufffd disk" in asked()["readyz"][1], "the agent to obey the fence", 30)
        found = asked()
        statuses = {path: status for path, (status, _) in found.items()}
        assert statuses == {"healthz": "200", "readyz": "503", "metrics": "200"}
        done = small.mysqlops("status", "mysql")
        assert "unexpected" not in done.err
        assert "fenced" in done.out
    finally:
        _note(as_member, small, {names.ANNOTATION_FENCED: None})
    small.await_healthy()
    (pod,) = [one for one in small.objects("pods") if one["metadata"]["name"] == "mysql-0"]
    restarts = {one["name"]: one["restartCount"] for one in pod["status"]["containerStatuses"]}
    assert set(restarts.values()) == {0}, restarts


@pytest.mark.long
def test_no_annotation_of_the_lease_or_of_a_pod_makes_an_object_or_breaks_a_command(
    small: Namespace, as_member: Callable[..., str]
) -> None:
    before = _shape(small)
    evil = _evil(small)
    line = {"claims": "../../secrets/precious", "group": "x", "members": {}, "outcasts": {}}
    told: Json = {
        **{"old": line, "new": line, "now": line, "before": line, "replicas": 99, "backup": "$(id)", "to": "\x1b[2J"},
        **{"executed": {"mysql-0": 1}, "pods": {"mysql-0": "x"}, "at": 1, "mysql-0": {"uid": 1}, "members": evil},
    }
    commands = (
        ("status", "mysql"),
        ("storage", "resize", "mysql", "--size", "1Gi", "--timeout", "30s"),
        ("restore", "--revert", "mysql", "--confirm", "mysql"),
        ("deploy", "mysql", "--timeout", "20s"),
    )
    for text in (json.dumps(evil), json.dumps(told), '"\x1b[2J"', "[", '{"mysql-0": "\\ud800\\u0000\\u202e"}'):
        notes = dict.fromkeys(_ANNOTATIONS, text)
        _note(as_member, small, notes)
        as_member("annotate", "pod", "mysql-0", "--overwrite", *(f"{key}={value}" for key, value in notes.items()))
        for words in commands:
            done = small.mysqlops(*words)
            assert done.code in _ANSWERS, (text, words, done.err)
            assert "unexpected" not in done.err, (text, words, done.err)
            assert "\x1b" not in done.out + done.err, (text, words)
        now = _shape(small)
        assert now["uid"] == before["uid"]
        assert now["spec"]["template"] == before["spec"]["template"]
        assert now["spec"]["replicas"] == 1
    _note(as_member, small, dict.fromkeys(_ANNOTATIONS))
    small.await_healthy()
    assert {one["metadata"]["name"] for one in small.objects("statefulsets")} == {"mysql"}


def test_names_that_collide_are_refused_before_anything_is_made(small: Namespace) -> None:
    kinds = "statefulsets,services,configmaps,secrets,leases,serviceaccounts,roles,jobs,pods"
    before = {(one["kind"], one["metadata"]["name"]) for one in small.objects(kinds)}
    for name in ("mysql-primary", "mysql-binlog", "mysql-agent"):
        done = small.mysqlops("deploy", name, "--replicas", "1", *SMALL)
        assert (done.code, "name-taken" in done.err) == (3, True), done.err
    assert {(one["kind"], one["metadata"]["name"]) for one in small.objects(kinds)} == before
