"""Each fault once, with a ledger of what clients were answered. Figures come from scripts/bench-faults.

These need the lab's nodes: on another cluster they say so.
"""

from __future__ import annotations

import itertools

import pytest

from mysqlops.drill.clients import rows
from mysqlops.drill.faults import FAULTS
from mysqlops.drill.ledger import journal
from mysqlops.drill.model import NAMESPACE, TARGET
from mysqlops.drill.plan import choice
from mysqlops.drill.reach import lab
from tests.cluster.conftest import SMALL, Namespace, eventually, must_be_the_lab
from tests.faults import ledger

pytestmark = pytest.mark.alone
MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]
# Upgrades, scaling and backups under writes have tests of their own.
_NAMES = [
    name
    for name, fault in FAULTS.items()
    if fault.about.needs != TARGET and not name.endswith("-under-load") and name != "calm"
]
_FEW = ("kill-mysqld",)
_OF_NODES = [name for name in _NAMES if FAULTS[name].about.needs != NAMESPACE]


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, request: pytest.FixtureRequest) -> Namespace:
    must_be_the_lab(request.config, "faults of nodes need the lab itself: scripts/lab up")
    namespace.must("deploy", "mysql", *SMALL)
    return namespace


@pytest.mark.parametrize(
    "name", [name if name in _FEW else pytest.param(name, marks=pytest.mark.long) for name in _NAMES]
)
def test_nothing_acknowledged_is_lost(cluster: Namespace, name: str) -> None:
    before = _pods(cluster)
    result = ledger.one_round(cluster, name)
    print(result.round)
    assert result.round.counts["acknowledged"] > 100
    assert result.round.witnesses == {}
    if name in ("isolate-replica", "partition", "slow-network"):
        assert _pods(cluster) == before, "a member that is only cut off is not replaced"
    if name == "agent-frozen":
        assert _leaders(result.journals)[-1] == result.round.target, "the agent that stood still was the next primary's"
        frozen = FAULTS[name].about.lasts
        assert (result.round.label or frozen) < frozen, "the agent of the killed mysqld moved the label meanwhile"


def test_recover_goes_on_without_a_lost_member_only_when_told_to(cluster: Namespace) -> None:
    session = ledger.session(cluster)
    nodes = lab.find(session.client)
    assert nodes is not None
    now = cluster.await_healthy(seconds=240)
    rows.recreate(session, now["primary"])
    written = f"INSERT INTO {choice.TABLE} VALUES ('test', 1, 'token')"
    rows.sql(session, now["primary"], written)
    member = next(one for one in now["members"] if one["role"] == "replica" and one["node"] != nodes.control_plane)
    lost, others = member["name"], [one for one in MEMBERS if one != member["name"]]
    assert cluster.mysqlops("recover", "mysql", "--accept-loss", "--confirm", "mysql").code == 3
    nodes.output(nodes.node("stop", member["node"]))
    try:
        cluster.kubectl("delete", "pods", *others, "--grace-period=0", "--force", "--wait=false")
        eventually(lambda: _states(cluster, others) == ["OFFLINE", "OFFLINE"], "two members wait for the third", 120)
        # Until its agent has been silent for long, the lost member counts as a part of a running group.
        refusal = f"{lost} would be given up"
        eventually(lambda: refusal in cluster.mysqlops("recover", "mysql").err, "what would be lost is shown", 60)
        assert cluster.status()["primary"] is None
        done = cluster.mysqlops("recover", "mysql", "--accept-loss", "--confirm", "mysql")
        assert done.code == 0, done.err
        eventually(lambda: _states(cluster, others) == ["ONLINE", "ONLINE"], "two members form a group", 60)
    finally:
        nodes.output(nodes.node("start", member["node"]))

    def stays_out() -> bool:
        found = next(one for one in cluster.status()["members"] if one["name"] == lost)
        return "member rebuild" in str(found["waiting_for"])

    eventually(stays_out, f"{lost} is back and stays out", 240)
    done = cluster.mysqlops("member", "rebuild", "mysql", lost, "--confirm", lost)
    assert done.code == 0, done.err
    cluster.await_healthy(seconds=240)
    held = rows.of_members(session, str(cluster.status()["primary"]), MEMBERS)
    assert held == {member: [("test", 1, "token")] for member in MEMBERS}


def _pods(cluster: Namespace) -> dict[str, str]:
    return {
        one["metadata"]["name"]: one["metadata"]["uid"]
        for one in cluster.objects("pods")
        if one["metadata"]["name"] in MEMBERS
    }


def _leaders(journals: dict[str, str]) -> list[str]:
    """Who would take writes, one after another."""
    lines = sorted((line for text in journals.values() for line in journal.parse(text)), key=lambda line: line.at)
    return [who for who, _ in itertools.groupby(line.who for line in lines if line.kind == journal.WRITABLE)]


def _states(cluster: Namespace, members: list[str]) -> list[str]:
    return [one["state"] for one in cluster.status()["members"] if one["name"] in members]
