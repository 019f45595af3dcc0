"""What a service mesh and a load balancer read of our objects: the protocol of each port. And what may not change."""

from __future__ import annotations

import pytest

from mysqlops.core import names
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.kube import manifests
from mysqlops.objects import exposed, pods, render

SPEC = ClusterSpec(name="orders", namespace="shop")
# Not operations/deploy, which builds the agent, and here for every collection of tests.
OBJECTS = render.cluster_objects(manifests.load_base(), SPEC, render.Agent(b"the agent", "1"))


def _of(kind: str) -> list[Json]:
    return [one for one in OBJECTS if one["kind"] == kind]


def _exposed(role: str) -> Json:
    request = exposed.Request("orders-outside", "LoadBalancer", role, ("203.0.113.0/24",))
    return exposed.service("orders", "shop", request)


@pytest.mark.parametrize(
    "service", [*_of("Service"), _exposed("primary"), _exposed("replica")], ids=lambda one: one["metadata"]["name"]
)
def test_every_port_of_a_service_says_its_protocol(service: Json) -> None:
    """MySQL's server speaks first: a mesh that looks at the client's first bytes waits for them until it gives up."""
    for port in service["spec"]["ports"]:
        assert (port["appProtocol"], port.get("protocol", "TCP"), bool(port["name"])) == ("tcp", "TCP", True)


def test_ports_of_containers_keep_the_names_that_services_and_policies_use() -> None:
    """Another name is a change of the pods' template: it would replace every pod of every cluster."""
    (stateful_set,) = _of("StatefulSet")
    found = {
        port["name"]: port["containerPort"]
        for one in pods.specs(stateful_set["spec"]["template"])
        for port in one.get("ports", [])
    }
    assert found == {"sql": names.PORT_MYSQL, "agent": names.PORT_AGENT}
    targets = {port["targetPort"] for one in _of("Service") for port in one["spec"]["ports"]}
    rules = [rule for one in _of("NetworkPolicy") for rule in one["spec"].get("ingress", [])]
    opened = {port["port"] for rule in rules for port in rule["ports"]}
    assert targets | opened <= found.keys()
