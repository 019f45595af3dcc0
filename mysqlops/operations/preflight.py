"""Checks before a command makes members or claims: all reasons to refuse at once, and warnings.

What `doctor` asks of a cluster that runs, the same checks ask here ahead (planning/checks/all.py). The namespace and
the user's own rights concern `deploy` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from mysqlops import errors
from mysqlops.core import names, rights, secret_map
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.operations import observe
from mysqlops.operations.session import Session
from mysqlops.planning.checks import all as listed
from mysqlops.planning.checks.model import Coming


@dataclass(frozen=True)
class Findings:
    """Reasons to refuse, and warnings to print."""

    reasons: tuple[Reason, ...]
    warnings: tuple[str, ...]


def check(client: Client, spec: ClusterSpec) -> Findings:
    """Read-only checks; raises Unreachable if there is no API server, Forbidden never. A cluster that runs has its
    volumes: a class that has gone since is in the way of later members only."""
    client.version()
    if reasons := [*_check_namespace(client), *_check_rights(client)]:
        return Findings(tuple(reasons), ())
    found, known = of_new(client, spec), known_passwords(client, spec.name)
    if client.find("StatefulSet", spec.name) is None:
        return Findings(found.reasons, (*found.warnings, *known))
    return Findings((), (*(reason.message for reason in found.reasons), *found.warnings, *known))


def of_new(client: Client, spec: ClusterSpec) -> Findings:
    """What keeps a new cluster from getting its volumes, and its members from nodes of their own."""
    return _ahead(client, spec.name, spec.replicas, spec.storage_class, is_new=True)


def must_get_volumes(session: Session, name: str, *, members: int = 0) -> None:
    """Raises Refused if the claims that a command is about to make, often in place of those that it deletes, would wait
    for their volumes without end. `members`: how many there will be, if it adds some."""
    template = session.client.get("StatefulSet", name)["spec"]["volumeClaimTemplates"][0].get("spec") or {}
    found = _ahead(session.client, name, members, template.get("storageClassName"))
    for warning in found.warnings:
        session.progress.warn(warning)
    if found.reasons:
        raise errors.Refused(found.reasons)


def _ahead(client: Client, name: str, members: int, named: str | None, *, is_new: bool = False) -> Findings:
    kinds = ("StorageClass", "Node") if members else ("StorageClass",)
    classes, *nodes = client.together([partial(_readable, client, kind) for kind in kinds])
    found = listed.ahead(Coming(name, members, named, classes, nodes[0] if nodes else None, is_new=is_new))
    reasons = tuple(reason for check, reason in found if check.refuses)
    return Findings(reasons, tuple(reason.message for check, reason in found if not check.refuses))


def _readable(client: Client, kind: str) -> list[Json] | None:
    """Those of the whole Kubernetes cluster; None if this user may not list them."""
    try:
        return client.list(kind)
    except errors.Forbidden:
        return None


def known_passwords(client: Client, cluster: str) -> list[str]:
    """Whoever may create Secrets, and read none, could choose the passwords, the CA and the members' key of a cluster
    that comes later. One that was formed before has claims, and needs its Secrets."""
    if observe.claims(client, cluster):
        return []
    purposes = (secret_map.INTERNAL, secret_map.ROOT, secret_map.CA)
    ours = [names.credentials_secret(cluster), *(secret_map.secret(cluster, purpose) for purpose in purposes)]
    knows = dict.fromkeys(ours, "the passwords or the CA of the new cluster; delete it for others")
    # A user may fill these: cert-manager does, or External Secrets.
    knows[secret_map.secret(cluster, secret_map.APP)] = "the application's password; delete it unless that was you"
    knows[names.tls_secret(cluster)] = "the members' TLS key; delete it unless that was you or cert-manager"
    found = client.together([partial(client.find, "Secret", secret) for secret in knows])
    return [
        f"Secret {secret} exists and is filled: whoever filled it knows {what}"
        for (secret, what), existing in zip(knows.items(), found, strict=True)
        if existing and existing.get("data")
    ]


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
