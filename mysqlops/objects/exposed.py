"""The objects of `expose`: a Service that clients from outside reach, and a NetworkPolicy for just those. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mysqlops.core import exposure, names, ownership, routing
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError
from mysqlops.objects import drift, field_owners

SERVICE, POLICY = KINDS = ("Service", "NetworkPolicy")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")

_ROLES, _TRAFFIC = (names.ROLE_PRIMARY, names.ROLE_REPLICA), ("Local", "Cluster")
_MOST_PORT = 65535
_NODE_PORT = ("spec", "ports", field_owners.ANY_ITEM, "nodePort")
_CIDR = re.compile(r"[0-9a-fA-F.:]+/(0|[1-9][0-9]{0,2})")


@dataclass(frozen=True)
class Request:
    """What a user wants of one Service."""

    service: str
    type: str
    role: str
    ranges: tuple[str, ...]  # CIDR: who may connect
    traffic: str = ""  # Local or Cluster; empty: Local for a load balancer
    hostname: str = ""
    port: int = names.PORT_MYSQL
    node_port: int = 0
    annotations: Mapping[str, str] = field(default_factory=dict)

    def check(self, cluster: str) -> Request:
        """The same, or ConfigError."""
        _check_name(self.service, cluster)
        if not self.ranges:
            raise ConfigError("--source-ranges is missing", hint="0.0.0.0/0,::/0 admits everybody")
        for range_ in self.ranges:
            _check_range(range_)
        self._check_choices()
        if self.hostname and not exposure.is_hostname(self.hostname):
            raise ConfigError(f"--hostname {self.hostname!r}: expected a name such as db.example.com")
        if self.node_port and self.type != "NodePort":
            raise ConfigError("--node-port needs --type NodePort")
        return self

    def _check_choices(self) -> None:
        for option, chosen, among in (
            ("--type", self.type, exposure.TYPES),
            ("--role", self.role, _ROLES),
            ("--traffic", self.traffic_policy, _TRAFFIC),
        ):
            if chosen not in among:
                raise ConfigError(f"{option} {chosen!r}: expected {' or '.join(among)}")
        for option, number in (("--port", self.port), ("--node-port", self.node_port or 1)):
            if not 1 <= number <= _MOST_PORT:
                raise ConfigError(f"{option} {number}: expected 1 to {_MOST_PORT}")

    @property
    def traffic_policy(self) -> str:
        return self.traffic or ("Cluster" if self.type == "NodePort" else "Local")


def _check_name(service_name: str, cluster: str) -> None:
    """Neither object may have the name of one that the cluster itself consists of."""
    hint = f"choose a name such as {cluster}-outside"
    own = {cluster, *ownership.taken_by(cluster)}
    if not _SERVICE.fullmatch(service_name) or service_name in own:
        text = f"SERVICE {service_name!r}: expected at most 63 of a-z, 0-9 and '-', and no object of {cluster} itself"
        raise ConfigError(text, hint=hint)
    if policy_of(service_name) in own:
        text = f"SERVICE {service_name!r}: its NetworkPolicy would be {policy_of(service_name)}, as {cluster}'s own is"
        raise ConfigError(text, hint=hint)


def _check_range(text: str) -> None:
    """As the API server reads it: Python also takes an address alone, or a mask in place of the digits."""
    try:
        if not _CIDR.fullmatch(text):
            raise ValueError("expected ADDRESS/DIGITS")
        ipaddress.ip_network(text)
    except ValueError as error:
        hint = "write 203.0.113.0/24, or 203.0.113.5/32 for one address"
        raise ConfigError(f"--source-ranges {text!r}: {error}", hint=hint) from error


def service(cluster: str, namespace: str, request: Request) -> Json:
    """Its selector is that of the cluster's own Service, so it follows the primary in the same moment."""
    port: Json = {"name": "sql", "protocol": "TCP", "port": request.port, "targetPort": "sql", "appProtocol": "tcp"}
    spec: Json = {
        "type": request.type,
        "selector": {**names.selector(cluster), **routing.selected(request.role)},
        "externalTrafficPolicy": request.traffic_policy,
        "ports": [port | ({"nodePort": request.node_port} if request.node_port else {})],
    }
    if request.role == names.ROLE_PRIMARY:
        spec["publishNotReadyAddresses"] = True  # as NAME-primary has it, for the same reason
    if request.type == "LoadBalancer":
        spec["loadBalancerSourceRanges"] = sorted(request.ranges)
    metadata = _metadata(cluster, namespace, request.service, request.service)
    metadata["annotations"] = dict(request.annotations)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def policy(cluster: str, namespace: str, request: Request) -> Json:
    """Policies add up: the cluster's own stays as it is."""
    peers = [{"ipBlock": {"cidr": range_}} for range_ in sorted(request.ranges)]
    spec = {
        "podSelector": {"matchLabels": names.selector(cluster)},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": peers, "ports": [{"protocol": "TCP", "port": "sql"}]}],
    }
    metadata = _metadata(cluster, namespace, request.service, policy_of(request.service))
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def request_of(cluster: str, live: Json, admitting: Json, noted: exposure.Exposure) -> Request | None:
    """What somebody asked for who got these objects and this note: the inverse of the above. None if a command was
    interrupted before all was done, or if somebody changed the objects since."""
    spec, notes = live["spec"], live["metadata"].get("annotations") or {}
    port, rule = next(iter(spec.get("ports") or ()), None), (admitting["spec"].get("ingress") or [{}])[0]
    if port is None:  # somebody made it one of another type
        return None
    is_chosen = spec["type"] == "NodePort" and field_owners.is_own(live, _NODE_PORT)
    made = Request(
        opens(live),
        spec["type"],
        routing.role_selected(spec.get("selector") or {}),
        tuple(peer.get("ipBlock", {}).get("cidr", "") for peer in rule.get("from") or []),
        spec.get("externalTrafficPolicy", ""),
        noted.hostname,
        port["port"],
        port.get("nodePort", 0) if is_chosen else 0,
        {key: notes[key] for key in notes if field_owners.is_own(live, ("metadata", "annotations", key))},
    )
    namespace = live["metadata"]["namespace"]
    pairs = (service(cluster, namespace, made), live), (policy(cluster, namespace, made), admitting)
    is_as_made = not any(drift.differences(wanted["spec"], found["spec"]) for wanted, found in pairs)
    is_done = noted.signed or not noted.hostname
    is_valid = all(_CIDR.fullmatch(range_) for range_ in made.ranges) and bool(made.ranges)
    return made if is_done and is_valid and is_as_made else None


def policy_of(service_name: str) -> str:
    return f"{service_name}-clients"


def _metadata(cluster: str, namespace: str, service_name: str, name: str) -> Json:
    marked = {names.LABEL_MANAGED_BY: names.APP_NAME, names.LABEL_EXPOSED: service_name}
    return {"name": name, "namespace": namespace, "labels": {**names.selector(cluster), **marked}}


def selector(cluster: str) -> str:
    """Of all objects that `expose` made for a cluster."""
    return f"{names.selector_text(cluster)},{names.LABEL_EXPOSED}"


def opens(found: Json) -> str:
    """The Service to which an object belongs, by its label; empty if `expose` did not make it."""
    return str((found["metadata"].get("labels") or {}).get(names.LABEL_EXPOSED, ""))


def addresses(found: Json | None) -> list[str]:
    """Where clients connect, as far as the Service says it: of a NodePort only the port, at any node."""
    ports = found["spec"].get("ports") if found is not None else None
    if found is None or not ports:  # somebody made it one of another type
        return []
    port = ports[0]
    if found["spec"].get("type") == "NodePort":
        return [f"NODE:{port['nodePort']}"] if port.get("nodePort") else []
    ingress = (found.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
    return [f"{address.get('hostname') or address.get('ip')}:{port['port']}" for address in ingress]
