"""Whoever applies an example opens no port to strangers: each of manifests/examples that opens one has a NetworkPolicy,
evaluated by the rules of its API as the cluster's own are. tests/security has one enforced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mysqlops.core import names
from tests.docs.pages import ROOT
from tests.unit.objects.test_network_policy import ELSEWHERE, OUTSIDE, SPEC, Other, _selects, allows, policy_of

EXAMPLES = sorted((ROOT / "manifests" / "examples").glob("*.yaml"))


def _objects(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def _templates(value: Any) -> Iterator[dict[str, Any]]:
    """What has containers: pods, and the templates of what makes them."""
    if isinstance(value, dict):
        if "containers" in (value.get("spec") or {}):
            yield value
        for inner in value.values():
            yield from _templates(inner)


def _labels(template: Mapping[str, Any]) -> dict[str, str]:
    return (template.get("metadata") or {}).get("labels") or {}


def _ports(template: Mapping[str, Any]) -> dict[str, int]:
    """By name. A container may listen on a port that it does not declare: a Service or a command shows that one."""
    declared = [port for one in template["spec"]["containers"] for port in one.get("ports", [])]
    assert all("name" in port for port in declared), "a policy names it"
    return {port["name"]: port["containerPort"] for port in declared}


def _opened() -> list[Any]:
    found = []
    for path in EXAMPLES:
        objects = _objects(path)
        services = [one for one in objects if one["kind"] == "Service"]
        for template in (made for one in objects for made in _templates(one)):
            served = [one for one in services if _selects({"matchLabels": one["spec"]["selector"]}, _labels(template))]
            if _ports(template) or served:
                found.append(pytest.param(objects, template, served, id=path.name))
    return found


OPENED = _opened()


def _policies(objects: list[dict[str, Any]], labels: dict[str, str]) -> list[dict[str, Any]]:
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    return [one for one in policies if _selects(one["podSelector"], labels) and "Ingress" in one["policyTypes"]]


def test_examples_that_open_a_port_are_found() -> None:
    assert {one.id for one in OPENED} == {"app.yaml", "haproxy.yaml"}


@pytest.mark.parametrize(("objects", "template", "served"), OPENED)
def test_a_stranger_reaches_no_port_of_an_example_and_its_clients_do(
    objects: list[dict[str, Any]], template: dict[str, Any], served: list[dict[str, Any]]
) -> None:
    policies, ports = _policies(objects, _labels(template)), _ports(template)
    assert policies, "without a policy everybody reaches it"
    peers = [peer for policy in policies for rule in policy["ingress"] for peer in rule["from"]]
    clients = [peer["podSelector"]["matchLabels"] for peer in peers]
    assert all(clients), "an empty selector is every pod"
    strangers = [Other({}), Other({"app": "any"}), OUTSIDE, *(Other(labels, ELSEWHERE) for labels in clients)]
    given: list[str | int] = [*ports, *ports.values()]
    for port in given:
        for stranger in strangers:
            assert not any(allows(policy["ingress"], "from", stranger, port) for policy in policies), (port, stranger)
    for one in served:
        for port in one["spec"]["ports"]:
            name = port.get("targetPort", port["name"])
            assert name in ports, "the policy and the Service name a port of the container"
            for labels in clients:
                assert any(allows(policy["ingress"], "from", Other(labels), name) for policy in policies)
    # Each rule lists its ports: one without them opens all.
    assert all(port["port"] in ports for policy in policies for rule in policy["ingress"] for port in rule["ports"])
    assert all(rule["ports"] for policy in policies for rule in policy["ingress"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_that_connects_is_let_in_by_the_cluster(path: Path) -> None:
    """And one without the label is not: it would work until policies are enforced."""
    ingress = policy_of(SPEC)["spec"]["ingress"]
    for template in (made for one in _objects(path) for made in _templates(one)):
        if f"{SPEC.name}-app" in str(template) or "haproxy" in str(_labels(template)):
            assert allows(ingress, "from", Other(_labels(template)), "sql")
            assert not allows(ingress, "from", Other({**_labels(template), names.LABEL_CLIENT: "orders"}), "sql")
