"""What each identity may do in its namespace, and nothing more. docs/reference/rbac.md and tests are built from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mysqlops.core import names, secret_map
from mysqlops.core.typed import Json


@dataclass(frozen=True)
class Right:
    """Verbs on one resource; `only` builds the names of the objects from the cluster's name, empty means all."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    only: tuple[Callable[[str], str], ...] = ()


def _of_members(make: Callable[[str, int], str]) -> tuple[Callable[[str], str], ...]:
    return tuple(partial(_swapped, make, ordinal) for ordinal in range(names.MAX_MEMBERS))


def _swapped(make: Callable[[str, int], str], ordinal: int, cluster: str) -> str:
    return make(cluster, ordinal)


def _purpose(purpose: str, cluster: str) -> str:
    return secret_map.secret(cluster, purpose)


_RBAC = "rbac.authorization.k8s.io"
_LEASES = "coordination.k8s.io"
_PODS, _CLAIMS = _of_members(names.pod), _of_members(names.claim)
# RBAC cannot limit `list`, nor `create` of objects whose name is in the body.
VIEWER = (
    Right("apps", "statefulsets", ("get", "list")),
    Right("", "pods", ("get", "list")),
    Right("", "persistentvolumeclaims", ("get", "list")),
    Right("discovery.k8s.io", "endpointslices", ("list",)),
    Right(_LEASES, "leases", ("get",), (names.group_lease, names.operation_lease, names.receiver)),
    Right("batch", "cronjobs", ("list",)),
    Right("", "events", ("list",)),  # why a pod is missing; nothing else needs it
    Right("", "services", ("list",)),  # what `expose` opened
    Right("networking.k8s.io", "networkpolicies", ("list",)),
    # To check that they exist: a member needs them to start.
    Right("", "services", ("get",)),
    Right("", "serviceaccounts", ("get",)),
    Right("policy", "poddisruptionbudgets", ("get",)),
    Right(_RBAC, "roles", ("get",)),
    Right(_RBAC, "rolebindings", ("get",)),
)
_ENTERING = (
    # A websocket is opened with GET; newer servers ask for `create` as well.
    Right("", "pods/exec", ("create", "get"), _PODS),
)
CLIENT = (
    *VIEWER,
    *_ENTERING,
    Right("", "secrets", ("get",), (partial(_purpose, secret_map.APP),)),
)
OPERATOR = (
    *VIEWER,
    *_ENTERING,
    Right("", "pods", ("delete",), _PODS),
    Right("", "pods/log", ("get",), _PODS),
    Right("", "persistentvolumeclaims", ("delete", "patch"), _CLAIMS),
    # Not the StatefulSet itself: its template says which Secrets and claims the pods mount, and as whom they run.
    Right("apps", "statefulsets/scale", ("patch",), (str,)),
    Right(_LEASES, "leases", ("patch",), (names.group_lease,)),
    Right(_LEASES, "leases", ("update", "delete"), (names.operation_lease,)),
    Right(_LEASES, "leases", ("create",)),
)
# A Role can be granted only by somebody who holds its rights, hence also the agents' rights.
OWNER = (
    *(replace(right, only=()) for right in OPERATOR),
    Right("", "pods", ("create", "patch", "watch")),
    Right("", "configmaps", ("get", "list", "create", "patch", "delete")),
    Right("", "secrets", ("get", "list", "create", "patch", "delete")),
    Right("", "services", ("get", "list", "create", "patch", "delete")),
    Right("", "serviceaccounts", ("get", "list", "create", "patch", "delete")),
    Right("apps", "statefulsets", ("create", "patch", "delete")),
    Right("apps", "deployments", ("get", "list", "create", "patch", "delete")),
    Right("coordination.k8s.io", "leases", ("list", "watch")),
    Right("networking.k8s.io", "networkpolicies", ("get", "list", "create", "patch", "delete")),
    Right("policy", "poddisruptionbudgets", ("get", "list", "create", "patch", "delete")),
    Right("", "persistentvolumeclaims", ("create",)),
    Right("", "events", ("create",)),
    Right("snapshot.storage.k8s.io", "volumesnapshots", ("get", "list", "create", "patch", "delete")),
    Right("batch", "jobs", ("get", "list", "create", "delete")),
    Right("batch", "cronjobs", ("get", "create", "patch", "delete")),
    Right(_RBAC, "roles", ("get", "list", "create", "patch", "delete")),
    Right(_RBAC, "rolebindings", ("get", "list", "create", "patch", "delete")),
)
# For running drills, in the namespace of `drill --node-pods`, which must admit privileged pods.
NODE_PODS = (
    Right("", "pods", ("create", "list", "delete")),
    Right("", "pods/exec", ("create", "get")),
)
# What each identity can do to the database by means of its rights on Kubernetes objects.
WORTH: Mapping[str, str] = {
    "viewer": (
        "Sees names, sizes, GTID sets and states, and the specs of all pods of the namespace; no password, no row."
    ),
    "client": (
        "**Root of the database, and of its CA**, as everybody who may run a program in a member's pod (see operator), "
        "though `sql` uses the application's account. An operator needs `get` of `mysql-app` too for `sql`."
    ),
    "operator": (
        "**Root of the database, and of its CA.** A program run in a member's pod reads the agent's passwords and its "
        "token, which reads the cluster's Secrets; a claim that is deleted is data that is gone. Limited to this "
        "cluster's members: nothing else of the namespace can be entered, mounted or deleted. A Role of a release "
        "before `statefulsets/scale` has `patch` of `statefulsets`, which mounts any Secret: replace it. "
        "After a restore in place the claims have other names (`data-r…-NAME-0`): put those into the rule too, or "
        "`scale` and `member rebuild` are refused."
    ),
    "owner": ("**Everything in the namespace**: whoever creates pods there can mount any Secret and any claim of it."),
}
IDENTITIES: Mapping[str, tuple[Sequence[Right], tuple[str, ...]]] = {
    "viewer": (VIEWER, ("status", "list")),
    "client": (CLIENT, ("sql",)),
    "operator": (
        OPERATOR,
        (
            "doctor",
            "logs",
            "report",
            "top",
            "switchover",
            "scale",
            "member",
            "users",
            "tls",
            "restart",
            "stop",
            "start",
            "recover",
        ),
    ),
    "owner": (
        OWNER,
        (
            *("deploy", "apply", "diff", "export", "delete", "upgrade", "config", "storage", "expose", "unexpose"),
            *("adopt", "backup", "restore", "drill"),
        ),
    ),
}


def identity_for(verb: str) -> str:
    """The identity with the fewest rights that may run a verb of the CLI."""
    return next(name for name, (_, verbs) in IDENTITIES.items() if verb in verbs)


def merged(rights: Sequence[Right]) -> list[Right]:
    """One entry for each resource and choice of objects, in the order in which they first appear."""
    verbs: dict[tuple[str, str, tuple[Callable[[str], str], ...]], list[str]] = {}
    for right in rights:
        found = verbs.setdefault((right.group, right.resource, right.only), [])
        found += [verb for verb in right.verbs if verb not in found]
    return [Right(group, resource, tuple(found), only) for (group, resource, only), found in verbs.items()]


def rules(rights: Sequence[Right], cluster: str) -> list[Json]:
    """As the rules of a Role for one cluster."""
    return [_rule(right, cluster) for right in merged(rights)]


def _rule(right: Right, cluster: str) -> Json:
    rule: Json = {"apiGroups": [right.group], "resources": [right.resource]}
    if right.only:
        rule["resourceNames"] = [name(cluster) for name in right.only]
    return {**rule, "verbs": list(right.verbs)}
