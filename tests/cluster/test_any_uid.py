"""Pods whose user the namespace chooses, as OpenShift's restricted-v2 does. Two admission policies play its part: one
fills in the user and group where a pod names none, the other refuses a pod that names its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import data
from tests.cluster.conftest import AGENT_IMAGE, LOCKED, SMALL, Namespace, eventually, make_namespace, run

UID = 1000680000
_API = "admissionregistration.k8s.io/v1"
_PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
_GIVES = (
    f"Object{{spec: Object.spec{{securityContext: Object.spec.securityContext{{runAsUser: {UID}, fsGroup: {UID}}}}}}}"
)
_REFUSES = "unable to validate against any security context constraint: .spec.securityContext.runAsUser: Invalid value"


def _policy(kind: str, namespace: str, spec: dict[str, Any], **binding: Any) -> list[dict[str, Any]]:
    """A policy and its binding to one namespace."""
    name = f"{kind.lower()}-{namespace}"
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    bound = {"policyName": name, "matchResources": {"namespaceSelector": selector}, **binding}
    constraints = {"matchConstraints": {"resourceRules": [_PODS]}, "failurePolicy": "Fail"}
    made = [(f"{kind}AdmissionPolicy", {**constraints, **spec}), (f"{kind}AdmissionPolicyBinding", bound)]
    return [{"apiVersion": _API, "kind": one, "metadata": {"name": name}, "spec": inner} for one, inner in made]


def _gives(namespace: str) -> list[dict[str, Any]]:
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": _GIVES}}
    open_ones = {"name": "names-no-user", "expression": "!has(object.spec.securityContext.runAsUser)"}
    spec = {"reinvocationPolicy": "Never", "matchConditions": [open_ones], "mutations": [mutation]}
    return _policy("Mutating", namespace, spec)


def _refuses(namespace: str) -> list[dict[str, Any]]:
    expression = f"object.spec.securityContext.runAsUser == {UID} && object.spec.securityContext.fsGroup == {UID}"
    rule = {"expression": expression, "message": _REFUSES, "reason": "Forbidden"}
    return _policy("Validating", namespace, {"validations": [rule]}, validationActions=["Deny"])


def _apply(cluster: Namespace, verb: str, items: list[dict[str, Any]]) -> None:
    cluster.kubectl(verb, "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


@pytest.fixture(scope="module")
def restricted(namespace: Namespace) -> Iterator[Namespace]:
    policies = [*_gives(namespace.name), *_refuses(namespace.name)]
    _apply(namespace, "apply", policies)
    eventually(lambda: _is_refused(namespace), "the policies are in force", 60)
    namespace.claim("backups")
    yield namespace
    _apply(namespace, "delete", policies)


def _is_refused(namespace: Namespace) -> bool:
    """The API server's own copy of a policy comes a moment after the policy."""
    user = {"runAsNonRoot": True, "runAsUser": 1, "fsGroup": 1, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "securityContext": user,
        "containers": [{"name": "main", "image": AGENT_IMAGE, "securityContext": LOCKED}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asked"}, "spec": spec}
    words = ("kubectl", f"--kubeconfig={namespace.kubeconfig}", "-n", namespace.name, "create", "--dry-run=server")
    return _REFUSES in run(*words, "-f", "-", timeout=60, stdin=json.dumps(pod)).err


def _user(namespace: Namespace, pod: str, container: str) -> str:
    return namespace.kubectl("exec", pod, "-c", container, "--", "id", "-u").strip()


def test_a_pod_that_names_a_user_is_refused_and_the_way_out_is_named(restricted: Namespace) -> None:
    done = restricted.mysqlops("deploy", "mysql", *SMALL)
    assert (done.code, "user-refused" in done.err, "--any-uid" in done.err) == (3, True, True), done.err
    assert restricted.objects("statefulsets") == []


@pytest.mark.long
def test_members_and_jobs_run_as_whoever_the_namespace_chooses(restricted: Namespace) -> None:
    restricted.must("deploy", "mysql", *SMALL, "--any-uid")
    for container in ("mysqld", "agent"):
        assert _user(restricted, "mysql-0", container) == str(UID)
    assert restricted.await_healthy()["replicas"] == 3
    data.seed(restricted, restricted.status()["primary"])
    before = restricted.status()["primary"]
    restricted.must("switchover", "mysql")
    assert restricted.await_healthy()["primary"] != before

    restricted.must("backup", "target", "add", "local", "--claim", "backups")
    made = restricted.must("backup", "create", "mysql", "-o", "json")
    assert restricted.must("backup", "verify", "mysql", made["id"], "-o", "json")["level"] == "restored"
    assert restricted.mysqlops("upgrade", "mysql", "--any-uid").out.count("no pod was replaced") == 1


@pytest.mark.long
def test_a_member_is_rebuilt_and_a_backup_restored(restricted: Namespace) -> None:
    (backup,) = restricted.must("backup", "list", "-o", "json")
    restricted.must("restore", backup["id"], "--as", "copy", "--replicas", "1", "--any-uid")
    assert restricted.sql("copy-0", "SELECT COUNT(*) FROM app.things") == [[900]]
    replica = restricted.replicas()[0]
    restricted.must("member", "rebuild", "mysql", replica, "--confirm", replica)
    restricted.await_healthy()


@pytest.mark.long
def test_a_running_cluster_changes_its_user_and_keeps_its_data() -> None:
    """Its files are the previous user's; kubelet gives them to the new group."""
    namespace = make_namespace(f"uid-{UID}")
    policies = _gives(namespace.name)
    _apply(namespace, "apply", policies)
    try:
        namespace.must("deploy", "one", *SMALL, "--replicas", "1")
        assert _user(namespace, "one-0", "mysqld") == "999"
        namespace.sql("one-0", "CREATE TABLE app.kept (id INT PRIMARY KEY)")
        namespace.sql("one-0", "INSERT INTO app.kept VALUES (1), (2)")
        namespace.must("upgrade", "one", "--any-uid")
        assert _user(namespace, "one-0", "mysqld") == str(UID)
        assert namespace.sql("one-0", "SELECT COUNT(*) FROM app.kept") == [[2]]
    finally:
        _apply(namespace, "delete", policies)
        namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")
