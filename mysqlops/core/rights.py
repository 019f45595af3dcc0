"""What each identity may do in its namespace, and nothing more: docs/rbac.md is generated from here, tests use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Right:
    """Verbs on one resource."""

    group: str
    resource: str
    verbs: tuple[str, ...]


_RBAC = "rbac.authorization.k8s.io"
VIEWER = (
    Right("apps", "statefulsets", ("get", "list")),
    Right("", "pods", ("get", "list")),
    Right("", "persistentvolumeclaims", ("get", "list")),
    Right("discovery.k8s.io", "endpointslices", ("list",)),
    Right("coordination.k8s.io", "leases", ("get",)),
    Right("batch", "cronjobs", ("list",)),
    Right("", "events", ("list",)),  # why a pod is missing; nothing else needs it
    # Whether they exist: a member that starts needs them.
    Right("", "services", ("get",)),
    Right("", "serviceaccounts", ("get",)),
    Right(_RBAC, "roles", ("get",)),
    Right(_RBAC, "rolebindings", ("get",)),
)
OPERATOR = (
    *VIEWER,
    Right("", "pods", ("delete",)),
    # A websocket is opened with GET; newer servers ask for `create` as well.
    Right("", "pods/exec", ("create", "get")),
    Right("", "persistentvolumeclaims", ("delete", "patch")),
    Right("apps", "statefulsets", ("patch",)),
    Right("coordination.k8s.io", "leases", ("get", "create", "update", "patch", "delete")),
)
# Whoever grants a Role must hold what it grants: hence also what the agents may do.
OWNER = (
    *OPERATOR,
    Right("", "pods", ("create", "patch")),
    Right("", "pods/log", ("get",)),
    Right("", "configmaps", ("get", "list", "create", "patch", "delete")),
    Right("", "secrets", ("get", "list", "create", "patch", "delete")),
    Right("", "services", ("get", "list", "create", "patch", "delete")),
    Right("", "serviceaccounts", ("get", "list", "create", "patch", "delete")),
    Right("apps", "statefulsets", ("create", "delete")),
    Right("apps", "deployments", ("get", "list", "create", "patch", "delete")),
    Right("coordination.k8s.io", "leases", ("list",)),
    Right("networking.k8s.io", "networkpolicies", ("get", "list", "create", "patch", "delete")),
    Right("policy", "poddisruptionbudgets", ("get", "list", "create", "patch", "delete")),
    Right("", "persistentvolumeclaims", ("create",)),
    Right("snapshot.storage.k8s.io", "volumesnapshots", ("get", "list", "create", "patch", "delete")),
    Right("batch", "jobs", ("get", "list", "create", "delete")),
    Right("batch", "cronjobs", ("get", "create", "patch", "delete")),
    Right(_RBAC, "roles", ("get", "list", "create", "patch", "delete")),
    Right(_RBAC, "rolebindings", ("get", "list", "create", "patch", "delete")),
)
# In the namespace of `drill --node-pods`, for whoever drills; it has to admit privileged pods.
NODE_PODS = (
    Right("", "pods", ("create", "list", "delete")),
    Right("", "pods/exec", ("create", "get")),
)
IDENTITIES: Mapping[str, tuple[Sequence[Right], tuple[str, ...]]] = {
    "viewer": (VIEWER, ("status",)),
    "operator": (OPERATOR, ("switchover", "scale", "member", "users", "tls", "restart", "stop", "start", "recover")),
    "owner": (OWNER, ("deploy", "delete", "upgrade", "config", "storage", "adopt", "backup", "restore", "drill")),
}


def identity_for(verb: str) -> str:
    """The least identity that may run a verb of the CLI."""
    return next(name for name, (_, verbs) in IDENTITIES.items() if verb in verbs)


def merged(rights: Sequence[Right]) -> list[Right]:
    """One entry for each resource, in the order in which they first appear."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        found = verbs.setdefault((right.group, right.resource), [])
        found += [verb for verb in right.verbs if verb not in found]
    return [Right(group, resource, tuple(found)) for (group, resource), found in verbs.items()]


def rules(rights: Sequence[Right]) -> list[Json]:
    """As the rules of a Role."""
    return [
        {"apiGroups": [right.group], "resources": [right.resource], "verbs": list(right.verbs)}
        for right in merged(rights)
    ]
