"""Where a cluster has IPv4 and IPv6: clients of either family are served, and the group stays in one."""

from __future__ import annotations

import copy

import pytest

from mysqlops.core import names, plan
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.objects import exposed
from mysqlops.operations import deploy, observe
from mysqlops.planning import deploy as planning
from tests.unit.fakes.cluster import NAME, Cluster

SPEC = ClusterSpec(name="orders", namespace="shop")
CLIENTS = ("orders-primary", "orders-replicas")


def _services() -> dict[str, Json]:
    return {one["metadata"]["name"]: one["spec"] for one in deploy.objects(SPEC) if one["kind"] == "Service"}


def test_services_for_clients_take_both_families_and_the_members_one_does_not() -> None:
    """With both addresses of a name, Group Replication takes IPv4: a running group of IPv6 members would change."""
    found = {name: spec.get("ipFamilyPolicy") for name, spec in _services().items()}
    assert found == {"orders": None, "orders-primary": "PreferDualStack", "orders-replicas": "PreferDualStack"}


def test_no_service_demands_a_family_or_an_address() -> None:
    """A cluster of one family would refuse it."""
    outside = exposed.Request("orders-outside", "LoadBalancer", names.ROLE_PRIMARY, ("203.0.113.0/24", "2001:db8::/32"))
    for spec in (*_services().values(), exposed.service("orders", "shop", outside.check("orders"))["spec"]):
        assert not {"ipFamilies", "clusterIPs", "ipFamily"} & spec.keys()
        assert spec.get("clusterIP", "None") == "None"
    assert "ipFamilyPolicy" not in exposed.service("orders", "shop", outside)["spec"]


def _steps(filled_in: Json) -> tuple[plan.Step, ...]:
    """Of a deploy over objects whose Services for clients the API server has filled in so."""
    live: dict[tuple[str, str], Json | None] = {
        (one["kind"], one["metadata"]["name"]): one for one in deploy.objects(SPEC)
    }
    for name in CLIENTS:
        found = live["Service", name]
        assert found is not None
        found["spec"] |= filled_in
    return planning.plan(deploy.objects(SPEC), live, []).steps


def test_services_of_an_older_release_get_the_second_family_and_no_pod_is_touched() -> None:
    steps = _steps({"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"], "clusterIPs": ["10.0.0.7"]})
    assert sorted((step.kind, step.name) for step in steps) == [("Service", name) for name in CLIENTS]
    assert {step.why for step in steps} == {"spec.ipFamilyPolicy: wanted PreferDualStack, found SingleStack"}


def test_what_the_server_adds_to_such_a_service_is_no_difference() -> None:
    """Of a cluster with both families, and of one that has IPv6 only."""
    for families in (["IPv4", "IPv6"], ["IPv6"]):
        assert _steps({"ipFamilies": families, "clusterIPs": [f"address {one}" for one in families]}) == ()


@pytest.mark.parametrize(
    ("behind_it_in_ipv6", "said"),
    [
        (["mysql-0"], []),
        (["mysql-1"], ["Service mysql-primary routes to mysql-0, mysql-1, but the primary is mysql-0"]),
        ([], []),  # of pods that began before the cluster had IPv6
    ],
)
def test_a_pod_is_behind_a_service_once_however_many_families_list_it(
    behind_it_in_ipv6: list[str], said: list[str]
) -> None:
    """Each family has an EndpointSlice of its own."""
    cluster = Cluster(3)
    second = copy.deepcopy(cluster.store.objects["EndpointSlice", "slice"])
    second["metadata"]["name"] = "slice-of-ipv6"
    ends = [{"conditions": {"ready": True}, "targetRef": {"name": pod}} for pod in behind_it_in_ipv6]
    cluster.store.put({**second, "endpoints": ends})
    status = observe.judged(cluster.session(), NAME)
    assert [one.message for one in status.conditions if one.code == "service-stale"] == said
    assert len(set(status.services["mysql-primary"])) == len(status.services["mysql-primary"])


def test_mysqld_listens_on_every_address() -> None:
    config = next(one for one in deploy.objects(SPEC) if one["kind"] == "ConfigMap" and "my.cnf" in one["data"])
    assert "bind_address = *" in config["data"]["my.cnf"]
