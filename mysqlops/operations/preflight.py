"""Checks before `deploy` creates anything: all reasons to refuse at once, and warnings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from mysqlops import errors
from mysqlops.core import rights
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.objects import pods, storage_class


@dataclass(frozen=True)
class Findings:
    """Reasons to refuse, and warnings to print."""

    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...]


def check(client: Client, spec: ClusterSpec) -> Findings:
    """Read-only checks; raises Unreachable if there is no API server, Forbidden never. A cluster that runs has its
    volumes: a class that has gone since is in the way of later members only."""
    client.version()
    reasons = [*_check_namespace(client), *_check_rights(client)]
    warnings: list[str] = []
    if not reasons:
        classes = _check_storage_class(client, spec)
        if classes and client.find("StatefulSet", spec.name) is not None:
            warnings += [reason.message for reason in classes]
        else:
            reasons += classes
        warnings += _check_nodes(client, spec)
    return Findings(tuple(reasons), tuple(warnings))


def _check_namespace(client: Client) -> list[Reason]:
    """An owner of the namespace alone may not be allowed to read it: then the check of rights decides."""
    try:
        found = client.find("Namespace", client.namespace)
    except errors.Forbidden:
        return []
    if found is None:
        return [
            Reason(
                "no-namespace",
                f"namespace {client.namespace} does not exist in context {client.context}",
                f"kubectl create namespace {client.namespace}",
            )
        ]
    if found.get("status", {}).get("phase") == "Terminating":
        return [Reason("namespace-going", f"namespace {client.namespace} is being deleted", "wait, or choose another")]
    return []


def _check_rights(client: Client) -> list[Reason]:
    wanted = [(right.group, right.resource, verb) for right in rights.merged(rights.OWNER) for verb in right.verbs]
    allowed = client.together([partial(_may, client, *right) for right in wanted])
    missing: dict[str, list[str]] = {}
    for (group, resource, verb), granted in zip(wanted, allowed, strict=True):
        if not granted:
            missing.setdefault(f"{resource}.{group}" if group else resource, []).append(verb)
    return [
        Reason(
            "missing-right",
            f"you may not {', '.join(verbs)} {resource} in namespace {client.namespace}",
            f"kubectl auth can-i {verbs[0]} {resource} -n {client.namespace}; the ClusterRole `admin` has all of these",
        )
        for resource, verbs in missing.items()
    ]


def _may(client: Client, group: str, resource: str, verb: str) -> bool:
    name, _, sub = resource.partition("/")
    attributes = {"namespace": client.namespace, "group": group, "resource": name, "subresource": sub, "verb": verb}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool(client.create("SelfSubjectAccessReview", review)["status"]["allowed"])


def _check_storage_class(client: Client, spec: ClusterSpec) -> list[Reason]:
    try:
        classes = {item["metadata"]["name"]: item for item in client.list("StorageClass")}
    except errors.Forbidden:
        return []
    listed = ", ".join(sorted(classes)) or "none"
    if spec.storage_class is not None and spec.storage_class not in classes:
        text = f"--storage-class {spec.storage_class}: no such StorageClass; the cluster has: {listed}"
        return [Reason("unknown-storage-class", text, "kubectl get storageclass")]
    if spec.storage_class is None and storage_class.default_of(classes.values()) is None:
        text = f"no StorageClass is the default, and --storage-class was not given; the cluster has: {listed}"
        return [Reason("no-storage-class", text, "give --storage-class, or mark a StorageClass as the default")]
    return []


def _check_nodes(client: Client, spec: ClusterSpec) -> list[str]:
    try:
        nodes = client.list("Node")
    except errors.Forbidden:
        return []
    usable = [node for node in nodes if not node["spec"].get("unschedulable") and pods.is_ready(node)]
    if len(usable) >= spec.replicas:
        return []
    return [f"{len(usable)} nodes can take pods, for {spec.replicas} members: losing one node can stop several members"]
