"""What others admit in a cluster's Role and NetworkPolicy, however often they say it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mysqlops.core.spec import ClusterSpec
from mysqlops.kube import manifests
from mysqlops.objects import openings, render

_SPEC = ClusterSpec(name="orders", namespace="shop")
_ALL = render.cluster_objects(manifests.load_base(), _SPEC, render.Agent(b"", "1"))
OBJECTS = {one["kind"]: one for one in _ALL if one["metadata"]["name"] == "orders"}
INGRESS = ("spec", "ingress")


def _role(**rule: list[str]) -> dict[str, Any]:
    return {"rules": [*OBJECTS["Role"]["rules"], rule]}


def _policy(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"ingress": [*OBJECTS["NetworkPolicy"]["spec"]["ingress"], *rules]}}


@pytest.mark.parametrize(
    ("kind", "found", "path"),
    [
        ("Role", _role(apiGroups=[""], resources=["secrets"], verbs=["list"]), ("rules",)),
        ("Role", _role(apiGroups=["batch"], resources=["jobs"], resourceNames=["a"], verbs=["get"]), ("rules",)),
        ("NetworkPolicy", _policy({"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 3306}]}), INGRESS),
        ("NetworkPolicy", _policy({}), INGRESS),
    ],
)
def test_an_opening_of_others_is_found_and_ours_is_none(kind: str, found: dict[str, Any], path: Any) -> None:
    assert openings.is_lost(found, OBJECTS[kind], path)
    assert not openings.is_lost(OBJECTS[kind], OBJECTS[kind], path)


def test_a_role_whose_combinations_are_beyond_count_keeps_no_command_busy() -> None:
    """Who holds a right can list it again in a Role: escalation checks look at rights, not at how often."""
    (rule, *_) = [one for one in OBJECTS["Role"]["rules"] if "resourceNames" in one]
    again = {key: values[:1] * 70 for key, values in rule.items()}
    began = time.process_time()
    assert not openings.is_lost(_role(**again), OBJECTS["Role"], ("rules",))
    names = {key: [f"{key}{number}" for number in range(3000)] for key in rule}
    assert openings.is_lost(_role(**names), OBJECTS["Role"], ("rules",))
    assert time.process_time() - began < 1


def test_a_policy_with_very_many_peers_and_ports_keeps_no_command_busy() -> None:
    many = {
        "from": [{"ipBlock": {"cidr": f"10.{number >> 8}.{number & 255}.0/24"}} for number in range(2000)],
        "ports": [{"port": number, "protocol": "TCP"} for number in range(1, 4000)],
    }
    ours = next(one for one in OBJECTS["NetworkPolicy"]["spec"]["ingress"] if one.get("from") and one.get("ports"))
    again = {"from": ours["from"][:1] * 3000, "ports": ours["ports"][:1] * 3000}
    began = time.process_time()
    assert openings.is_lost(_policy(many), OBJECTS["NetworkPolicy"], INGRESS)
    assert not openings.is_lost(_policy(again), OBJECTS["NetworkPolicy"], INGRESS)
    assert time.process_time() - began < 1
