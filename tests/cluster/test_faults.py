"""Each fault once, with a ledger of what clients were told. Figures come from scripts/bench-faults, not from here.

These need the lab's nodes: on another cluster they say so.
"""

from __future__ import annotations

import pytest

from tests.cluster.conftest import KUBECONFIG, SMALL, Namespace, eventually
from tests.conftest import missing
from tests.faults import lab, scenarios

pytestmark = pytest.mark.alone
MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, request: pytest.FixtureRequest) -> Namespace:
    if "/state/lab/" not in KUBECONFIG:
        missing(request.config, "lab", "faults of nodes need the lab itself: scripts/lab up")
    done = namespace.mysqlops("deploy", "mysql", *SMALL)
    assert done.code == 0, done.err
    return namespace


@pytest.mark.parametrize("fault", scenarios.FAULTS.values(), ids=list(scenarios.FAULTS))
def test_nothing_acknowledged_is_lost(cluster: Namespace, fault: scenarios.Fault) -> None:
    outcome = scenarios.run(cluster, fault)
    print(outcome)
    assert outcome.acknowledged > 100
    assert (outcome.lost, outcome.ghosts, outcome.diverged) == ([], [], [])


def test_recover_goes_on_without_a_lost_member_only_when_told_to(cluster: Namespace) -> None:
    scene = scenarios.prepare(cluster)
    lost, node = scene.replica, scene.node_of(scene.replica)
    others = [member for member in MEMBERS if member != lost]
    rows = len(cluster.sql(others[0], "SELECT sequence FROM app.ledger"))
    assert cluster.mysqlops("recover", "mysql", "--accept-loss", "--confirm", "mysql").code == 3
    lab.node("stop", node)
    try:
        cluster.kubectl("delete", "pods", *others, "--grace-period=0", "--force", "--wait=false")
        eventually(lambda: _states(cluster, others) == ["OFFLINE", "OFFLINE"], "two members wait for the third", 120)
        # Until its agent has been silent for long, the lost member counts as a part of a running group.
        refusal = f"{lost} is missing"
        eventually(lambda: refusal in cluster.mysqlops("recover", "mysql").err, "what would be lost is shown", 60)
        assert cluster.status()["primary"] is None
        done = cluster.mysqlops("recover", "mysql", "--accept-loss", "--confirm", "mysql")
        assert done.code == 0, done.err
        eventually(lambda: _states(cluster, others) == ["ONLINE", "ONLINE"], "two members form a group", 60)
    finally:
        lab.node("start", node)
    cluster.await_healthy(seconds=240)
    assert [len(cluster.sql(member, "SELECT sequence FROM app.ledger")) for member in MEMBERS] == [rows] * 3


def _states(cluster: Namespace, members: list[str]) -> list[str]:
    return [one["state"] for one in cluster.status()["members"] if one["name"] in members]
