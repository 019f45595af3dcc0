"""The NetworkPolicy, evaluated by the rules of its API: no enforcer for the lab is to be had as a module."""

from __future__ import annotations

from typing import Any

import pytest

from mysqlops.kube import manifests

Json = dict[str, Any]
MEMBER = {"app.kubernetes.io/name": "mysqlops", "app.kubernetes.io/instance": "mysql"}
OTHER_CLUSTER = {"app.kubernetes.io/name": "mysqlops", "app.kubernetes.io/instance": "orders"}


def _selects(selector: Json, labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, "only what this evaluation understands"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def allows(policy: Json, *, source: dict[str, str], same_namespace: bool, port: str) -> bool:
    """Whether the policy lets a pod in: any rule whose ports and any of whose peers fit."""
    for rule in policy["spec"]["ingress"]:
        ports = [one["port"] for one in rule.get("ports", [])]
        peers = rule.get("from")
        fits = peers is None or any(_peer_fits(peer, source, same_namespace=same_namespace) for peer in peers)
        if fits and (not ports or port in ports):
            return True
    return False


def _peer_fits(peer: Json, source: dict[str, str], *, same_namespace: bool) -> bool:
    if "namespaceSelector" in peer:
        return _selects(peer["namespaceSelector"], {}) and _selects(peer.get("podSelector", {}), source)
    return same_namespace and _selects(peer["podSelector"], source)


@pytest.fixture(scope="module")
def policy() -> Json:
    return next(item for item in manifests.load_base() if item["kind"] == "NetworkPolicy")


@pytest.mark.parametrize(
    ("source", "same_namespace", "port", "allowed"),
    [
        (MEMBER, True, "sql", True),
        (MEMBER, False, "sql", False),
        (OTHER_CLUSTER, True, "sql", False),
        ({"app": "shop"}, True, "sql", False),
        ({"app": "shop", "mysqlops.io/client": "mysql"}, True, "sql", True),
        ({"app": "shop", "mysqlops.io/client": "mysql"}, False, "sql", True),
        ({"app": "shop", "mysqlops.io/client": "orders"}, True, "sql", False),
        ({"app": "prometheus"}, False, "agent", True),
        ({"app": "shop", "mysqlops.io/client": "mysql"}, True, "mysqlx", False),
    ],
)
def test_only_members_and_labelled_clients_reach_the_server(
    policy: Json, source: dict[str, str], same_namespace: bool, port: str, allowed: bool
) -> None:
    assert allows(policy, source=source, same_namespace=same_namespace, port=port) is allowed


def test_the_policy_holds_for_the_members_and_names_their_ports(policy: Json) -> None:
    stateful_set = next(item for item in manifests.load_base() if item["kind"] == "StatefulSet")
    template = stateful_set["spec"]["template"]
    assert _selects(policy["spec"]["podSelector"], template["metadata"]["labels"])
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    ports = {port["name"] for container in template["spec"]["containers"] for port in container["ports"]}
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} == ports
