"""Which pods may reach a cluster's members: from the spec to the rules of its NetworkPolicy, and back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mysqlops.core import names
from mysqlops.core.spec import ANY_NAMESPACE, FAST, SAFE, ClusterSpec
from mysqlops.core.typed import Json

_NAMESPACE_NAME = "kubernetes.io/metadata.name"  # the API server sets it on every namespace
# DNS (on OpenShift at 5353), and the API server, whose addresses differ from cluster to cluster.
_EVERYWHERE = (("UDP", 53), ("TCP", 53), ("UDP", 5353), ("TCP", 5353), ("TCP", 443), ("TCP", 6443))
EXPORTER = "exporter"  # the port's name in the pod
_HEARTBEAT = {"protocol": "UDP", "port": names.PORT_HEARTBEAT}
_SQL, _AGENT = 0, 1  # the rules of the base, one for each port


@dataclass(frozen=True)
class Access:
    """A cluster's NetworkPolicy as the fields of its spec."""

    client_namespaces: tuple[str, ...]
    metrics_namespaces: tuple[str, ...]
    limit_egress: bool
    failure_detection: str = SAFE


def shape(policy: Json, spec: ClusterSpec) -> None:
    """Put the spec's namespaces into the base's policy, which admits only the cluster's own namespace."""
    rules = policy["spec"]["ingress"]
    members, clients = rules[_SQL]["from"]
    rules[_SQL]["from"] = [members, *_peers(clients, spec.client_namespaces)]
    anybody = rules[_AGENT]["from"][0]
    if spec.exporter_image:
        rules[_AGENT]["ports"].append({"protocol": "TCP", "port": EXPORTER})
    # An empty list also admits clients that are not pods, such as a Prometheus on a node's own network.
    is_open = ANY_NAMESPACE in spec.metrics_namespaces
    rules[_AGENT]["from"] = [] if is_open else _peers(anybody, spec.metrics_namespaces)
    among = [*rules[_SQL]["ports"]]
    if spec.failure_detection == FAST:
        rules.append({"from": [members], "ports": [_HEARTBEAT]})
        among.append(_HEARTBEAT)
    if spec.limit_egress:
        policy["spec"]["policyTypes"].append("Egress")
        everywhere = [{"protocol": protocol, "port": port} for protocol, port in _EVERYWHERE]
        policy["spec"]["egress"] = [{"to": [members], "ports": among}, {"ports": everywhere}]


def _peers(own: Json, namespaces: Sequence[str]) -> list[Json]:
    """The cluster's own namespace, and the pods of other namespaces."""
    if ANY_NAMESPACE in namespaces:
        return [{"namespaceSelector": {}, **own}]
    if not namespaces:
        return [own]
    chosen = {"matchExpressions": [{"key": _NAMESPACE_NAME, "operator": "In", "values": sorted(namespaces)}]}
    return [own, {"namespaceSelector": chosen, **own}]


def access_of(policy: Json | None) -> Access:
    """What a live policy admits. Without a policy, or with rules of others: the same as in releases before the options
    existed, so that no client is cut off without being asked for."""
    spec = (policy or {}).get("spec") or {}
    rules = spec.get("ingress") or []
    by_port = {port["port"]: rule for rule in rules for port in rule.get("ports") or [] if "port" in port}
    return Access(
        _namespaces(by_port.get("sql", {})),
        _namespaces(by_port.get("agent", {})),
        "Egress" in (spec.get("policyTypes") or []),
        FAST if _HEARTBEAT["port"] in by_port else SAFE,
    )


def _namespaces(rule: Json) -> tuple[str, ...]:
    peers = rule.get("from") or []
    if not peers:
        return (ANY_NAMESPACE,)
    found: list[str] = []
    for peer in peers:
        if "namespaceSelector" not in peer:
            continue
        if not _names_namespaces(peer["namespaceSelector"]):
            return (ANY_NAMESPACE,)
        found += peer["namespaceSelector"]["matchExpressions"][0]["values"]
    return tuple(sorted(found))


def is_of_option(selector: Json | None) -> bool:
    """Whether mysqlops renders such a selector of namespaces: of any, or of some by their names."""
    return not selector or _names_namespaces(selector)


def _names_namespaces(selector: Json | None) -> bool:
    terms = (selector or {}).get("matchExpressions") or []
    is_alone = set(selector or {}) == {"matchExpressions"}
    return is_alone and [(term["key"], term["operator"]) for term in terms] == [(_NAMESPACE_NAME, "In")]
