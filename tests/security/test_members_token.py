"""Who has the token of a member's agent, or an operator's: what else of the namespace is theirs? Asked of a real API
server; the pods need not run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mysqlops.core import names, rights, routing
from mysqlops.kube import client
from tests.cluster.conftest import AGENT_IMAGE, KUBECONFIG, LOCKED, Namespace, Result, eventually, run

pytestmark = pytest.mark.cluster
_POLICY = Path(__file__).parents[2] / "manifests" / "optional" / "members.yaml"
_IDENTITY = ("ServiceAccount", "Role", "RoleBinding", "Secret", "Lease")


@pytest.fixture(scope="module")
def members(namespace: Namespace) -> Namespace:
    """What an agent's identity is made of, pods that wait for a node for ever, and another application."""
    rendered = namespace.mysqlops("render", "mysql")
    assert rendered.code == 0, rendered.err
    objects = [one for one in rendered.out.split("\n---\n") if any(f"kind: {kind}\n" in one for kind in _IDENTITY)]
    namespace.kubectl("apply", "-f", "-", stdin="\n---\n".join(objects))
    labels = {**names.selector("mysql"), names.LABEL_MANAGED_BY: names.APP_NAME}
    for name in ("mysql-0", "mysql-1"):
        _make_pod(namespace, name, "mysql", labels)
    _make_pod(namespace, "shop", "default", {})
    namespace.kubectl("create", "secret", "generic", "shop", "--from-literal=password=another")
    return namespace


def _make_pod(namespace: Namespace, name: str, account: str, labels: dict[str, str]) -> None:
    user = {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "serviceAccountName": account,
        "nodeSelector": {"no-such": "node"},
        "securityContext": user,
        "containers": [{"name": "main", "image": AGENT_IMAGE, "securityContext": LOCKED}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(pod))


class Holder:
    """Whoever has a token, which goes into a kubeconfig of its own."""

    def __init__(self, namespace: Namespace, folder: Path, token: str) -> None:
        config = json.loads(namespace.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        config["users"] = [{"name": "holder", "user": {"token": token}}]
        config["contexts"][0]["context"]["user"] = "holder"
        self._file, self._namespace = folder / "kubeconfig", namespace.name
        self._file.write_text(json.dumps(config))
        self._file.chmod(0o600)

    def kubectl(self, *words: str) -> Result:
        return run("kubectl", f"--kubeconfig={self._file}", "-n", self._namespace, *words, timeout=60)

    def client(self) -> client.Client:
        return client.Client(kubeconfig=str(self._file), context=None, namespace=self._namespace)

    def may(self, *words: str) -> bool:
        return self.kubectl("auth", "can-i", *words).out.strip() == "yes"

    def patch(self, pod: str, change: dict[str, Any]) -> Result:
        return self.kubectl("patch", "pod", pod, "--type=strategic", "-p", json.dumps(change))


@pytest.fixture(scope="module")
def member(members: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Holder:
    bound = ("--bound-object-kind=Pod", "--bound-object-name=mysql-1")
    token = members.kubectl("create", "token", "mysql", *bound).strip()
    return Holder(members, tmp_path_factory.mktemp("member"), token)


@pytest.fixture(scope="module")
def operator(members: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Holder:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "operator"}}
    members.kubectl("apply", "-f", "-", stdin=json.dumps({**role, "rules": rights.rules(rights.OPERATOR, "mysql")}))
    members.kubectl("create", "serviceaccount", "operator")
    members.kubectl("create", "rolebinding", "operator", "--role=operator", f"--serviceaccount={members.name}:operator")
    token = members.kubectl("create", "token", "operator").strip()
    return Holder(members, tmp_path_factory.mktemp("operator"), token)


def test_a_members_token_opens_no_other_secret_and_no_pod(member: Holder) -> None:
    assert member.may("get", "secrets/mysql-internal")
    for words in (
        ("get", "secrets/shop"),
        ("list", "secrets"),
        ("create", "pods"),
        ("create", "pods/mysql-0", "--subresource=exec"),
        ("create", "pods/shop", "--subresource=exec"),
        ("patch", "pods/shop"),
        ("delete", "pods/mysql-0"),
        ("update", "leases/mysql-operation"),
        ("patch", "statefulsets/mysql"),
        ("get", "configmaps"),
    ):
        assert not member.may(*words), words


def test_an_operator_enters_and_deletes_nothing_of_another_application(operator: Holder) -> None:
    assert operator.may("create", "pods/mysql-0", "--subresource=exec")
    assert operator.may("delete", "pvc/data-mysql-8")
    for words in (
        ("create", "pods/shop", "--subresource=exec"),
        ("delete", "pods/shop"),
        ("delete", "pvc/shop"),
        ("patch", "statefulsets/shop"),
        ("update", "leases/shop"),
        ("delete", "leases/mysql-group"),
        ("get", "secrets/mysql-app"),
        ("list", "secrets"),
    ):
        assert not operator.may(*words), words


def test_an_operator_scales_but_mounts_no_secret_into_a_pod_that_he_may_enter(
    operator: Holder, members: Namespace
) -> None:
    container = {"name": "main", "image": AGENT_IMAGE, "volumeMounts": [{"name": "loot", "mountPath": "/loot"}]}
    spec = {"containers": [container], "volumes": [{"name": "loot", "secret": {"secretName": "shop"}}]}
    template = {"metadata": {"labels": {"app": "orders"}}, "spec": {"nodeSelector": {"no-such": "node"}, **spec}}
    plain = {"serviceName": "orders", "selector": {"matchLabels": {"app": "orders"}}, "replicas": 0}
    harmless = {**template, "spec": {"containers": [{"name": "main", "image": AGENT_IMAGE}]}}
    made = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "mysql"}}
    members.kubectl("apply", "-f", "-", stdin=json.dumps({**made, "spec": {**plain, "template": harmless}}))
    change = json.dumps({"spec": {"replicas": 0, "template": template}})
    tried = operator.kubectl("patch", "statefulset", "mysql", "--type=merge", "-p", change)
    assert "forbidden" in tried.err.lower(), tried
    for verb in ("patch", "update"):
        assert not operator.may(verb, "statefulsets/mysql")
    operator.client().scale("mysql", 1)
    found = json.loads(members.kubectl("get", "statefulset", "mysql", "-o", "json"))
    assert (found["spec"]["replicas"], "volumes" in found["spec"]["template"]["spec"]) == (1, False)
    assert not operator.may("patch", "statefulsets/shop", "--subresource=scale")
    assert not operator.may("patch", "pods/mysql-0")


@pytest.fixture
def guarded(members: Namespace) -> Iterator[Namespace]:
    """The policy, for this namespace; it stays in the cluster, and means nothing to others."""
    done = run("kubectl", f"--kubeconfig={KUBECONFIG}", "apply", "-f", str(_POLICY), timeout=60)
    assert done.code == 0, done.err
    members.kubectl("label", "namespace", members.name, "mysqlops.io/members=guarded", "--overwrite")
    yield members
    members.kubectl("label", "namespace", members.name, "mysqlops.io/members-")


def test_with_the_policy_an_agent_moves_role_labels_and_publishes_for_itself_only(
    guarded: Namespace, member: Holder
) -> None:
    tries = itertools.count()

    def change_image() -> Result:
        """Another one each time: what changes nothing is allowed."""
        image = f"evil.example/mysql:{next(tries)}"
        return member.patch("mysql-0", {"spec": {"containers": [{"name": "main", "image": image}]}})

    eventually(lambda: change_image().code != 0, "the policy in force", 60)
    told = change_image().err
    assert "changes no pod's spec" in told
    assert member.patch("mysql-1", {"spec": {"activeDeadlineSeconds": 1}}).code != 0
    for labels in ({"app": "shop"}, {names.LABEL_INSTANCE: "other"}, {names.LABEL_INSTANCE: None}):
        assert "changes no label" in member.patch("mysql-0", {"metadata": {"labels": labels}}).err
    note = {"metadata": {"annotations": {names.ANNOTATION_MEMBER: "{}"}}}
    assert "of its own pod" in member.patch("mysql-0", note).err
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "gone", "uid": "00000000-0000-0000-0000-000000000000"}
    for metadata in ({"ownerReferences": [owner]}, {"finalizers": ["evil.example/stay"]}):
        assert "no owner and no finalizer" in member.patch("mysql-0", {"metadata": metadata}).err
    # What an agent does stays possible.
    assert member.patch("mysql-1", {"metadata": {**note["metadata"], "labels": routing.labels("replica")}}).code == 0
    for role in ("none", "primary", "none"):
        assert member.patch("mysql-0", {"metadata": {"labels": routing.labels(role)}}).code == 0
    # Others are not concerned.
    guarded.kubectl("label", "pod", "mysql-0", "app=shop")
