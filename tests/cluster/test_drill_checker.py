"""The checker on clusters that do lose writes: a checker that was never seen red proves nothing.

Each test sabotages the cluster in another way; the last one leaves it broken for good.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mysqlops import errors
from mysqlops.drill.clients import fleet, rows
from mysqlops.drill.ledger import checker, journal
from mysqlops.drill.model import Verdict
from mysqlops.drill.plan import choice, objects
from mysqlops.drill.reach import lab, nodes
from mysqlops.operations import observe
from mysqlops.operations.session import Session
from mysqlops.planning import status
from tests.cluster.conftest import SMALL, Namespace, eventually, must_be_the_lab
from tests.faults import ledger

pytestmark = pytest.mark.long
MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, request: pytest.FixtureRequest) -> Namespace:
    must_be_the_lab(request.config, "to sabotage members takes the lab's nodes: scripts/lab up")
    namespace.must("deploy", "mysql", *SMALL)
    return namespace


def test_the_checker_sees_a_deleted_row_and_a_forged_acknowledgement(cluster: Namespace) -> None:
    """One row goes from one replica behind everybody's back; one write was never sent and counts as acknowledged."""
    session = ledger.session(cluster)
    replica = cluster.replicas()[0]

    def lie() -> None:
        count = f"SELECT COUNT(*) FROM {choice.TABLE}"
        eventually(lambda: rows.sql(session, replica, count)[0][0] > 20, "rows on the replica")
        delete = f"DELETE FROM {choice.TABLE} ORDER BY sequence LIMIT 1"
        own = ("SET GLOBAL super_read_only = OFF", "SET SESSION sql_log_bin = 0", delete)
        rows.sql(session, replica, *own, "SET GLOBAL super_read_only = ON")
        forged = "printf 'I main9 1 1.0 forged\\nO main9 1 1.1 0.1\\n' >/journal/main9.log"
        (pod,) = cluster.kubectl("get", "pods", "-l", objects.selector("mysql"), "-o", "name").split()
        cluster.kubectl("exec", pod, "--", "sh", "-c", forged)

    outcome = ledger.Ledger(cluster).under_writes(lie, MEMBERS)
    assert outcome.acknowledged > 20
    assert ("main9", 1, "forged") in outcome.verdict.lost
    assert len(outcome.verdict.lost) == 2
    assert len(outcome.verdict.diverged) == 1
    assert outcome.verdict.diverged[0] in outcome.verdict.lost
    assert outcome.verdict.ghosts == ()


def test_the_checker_sees_two_groups(cluster: Namespace) -> None:
    """A replica is made a group of its own, as a wrong bootstrap does, and clients write to either group. Both count
    their transactions under the same name: by GTIDs alone the member comes back as if nothing had been."""
    session, own, seen, other = _split(cluster)
    pids = nodes.agent(own, str(other.node), str(session.client.get("Pod", other.name)["metadata"]["uid"]))
    clients = fleet.Fleet(session, fleet.cluster_of(session, seen))
    # Its agent would refuse, and is stopped: what is tested is the checker, not the agent.
    own.output(nodes.send(own, str(other.node), "-STOP", pids[:1]))
    try:
        program = (
            "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"
            "from mysqlops.agent import member, pod, settings\n"
            "own = member.Member(pod.Pod(settings.read())); own.leave(); own.form(''); own.accept_clients()"
        )
        cluster.kubectl("exec", other.name, "-c", "agent", "--", "python3", "-c", program)
        eventually(lambda: _is_writable(session, other.name), "a second primary", 60)
        verdict = _written(session, clients, fleet.cluster_of(session, seen), other)
    finally:
        clients.remove()
        own.output(nodes.send(own, str(other.node), "-CONT", pids[:1]))
    assert verdict.acknowledged > 20
    assert {row[0][:4] for row in verdict.lost} == {"main", "besi"}
    assert set(verdict.lost) <= set(verdict.diverged)
    done = cluster.mysqlops("member", "rebuild", "mysql", other.name, "--confirm", other.name, "--accept-loss")
    assert done.code == 0, done.err
    cluster.await_healthy(seconds=180)


def test_the_checker_sees_what_is_lost_without_durability(cluster: Namespace) -> None:
    """Commits that are told before they are on disk, on all members, and all servers killed at once: as a power cut
    with sync_binlog = 0 and innodb_flush_log_at_trx_commit = 0."""
    session = ledger.session(cluster)
    cluster.await_healthy(seconds=120)
    for member in MEMBERS:
        rows.sql(session, member, "SET GLOBAL sync_binlog = 0", "SET GLOBAL innodb_flush_log_at_trx_commit = 0")
        # A page that is written takes the log with it.
        rows.sql(session, member, "SET GLOBAL innodb_flush_log_at_timeout = 2700")
    own = lab.find(session.client)
    assert own is not None

    def cut() -> None:
        time.sleep(4)
        found = observe.judged(session, "mysql").members
        uids = {one["metadata"]["name"]: one["metadata"]["uid"] for one in cluster.objects("pods")}
        commands = [
            nodes.send(own, str(one.node), "-KILL", nodes.mysqld(own, str(one.node), uids[one.name])[:1])
            for one in found
        ]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(own.output, commands))
        cluster.await_healthy(seconds=240)

    outcome = ledger.Ledger(cluster).under_writes(cut, MEMBERS)
    assert outcome.acknowledged > 20
    assert outcome.verdict.lost != ()
    print(outcome.verdict.counts())


def _split(cluster: Namespace) -> tuple[Session, lab.Lab, status.Status, status.Member]:
    """A replica that is not beside the API server, and a ledger that is empty."""
    cluster.await_healthy(seconds=120)
    session = ledger.session(cluster)
    own, seen = lab.find(session.client), observe.judged(session, "mysql")
    assert own is not None
    rows.recreate(session, str(seen.primary))
    other = next(one for one in seen.members if one.role == "replica" and one.node != own.control_plane)
    return session, own, seen, other


def _is_writable(session: Session, member: str) -> bool:
    try:
        return bool(rows.sql(session, member, "SELECT @@global.super_read_only")[0][0] == 0)
    except errors.StepFailed:
        return False


def _written(session: Session, clients: fleet.Fleet, there: objects.Cluster, other: status.Member) -> Verdict:
    """Clients write through the Service and to the other member for some seconds."""
    clients.start(objects.main_clients(there, 2, str(other.node), observes=False))
    clients.start(objects.clients_beside(there, other.name, str(other.node)))
    time.sleep(3)
    clients.stop()
    lines = [line for text in clients.journals().values() for line in journal.parse(text)]
    primary = next(one for one in MEMBERS if one != other.name and _is_writable(session, one))
    return checker.check(lines, rows.of_members(session, primary, MEMBERS))
