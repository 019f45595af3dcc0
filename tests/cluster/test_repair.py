"""What somebody did to a member by hand, on real mysqld, is reported, undone or repaired (bugs 3, 15, 21, 26, 28)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mysqlops.drill.clients import rows
from tests.cluster.conftest import KUBECONFIG, SMALL, Namespace, eventually, run
from tests.faults import ledger

MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]
_HOLD = (
    "import sys, time; sys.path.insert(0, '/agent/agent.pyz')\n"
    "from mysqlops.agent import member, pod, settings\n"
    "server = member.Member(pod.Pod(settings.read())).connect()\n"
    "for statement in sys.argv[1:]: server.query(statement)\n"
    "print(server.scalar('SELECT CONNECTION_ID()'), flush=True); time.sleep(120)"
)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def cluster(namespace: Namespace) -> Namespace:
    namespace.must("deploy", "mysql", *SMALL)
    namespace.sql(namespace.status()["primary"], "CREATE TABLE app.kept (id INT PRIMARY KEY)")
    return namespace


def _together(cluster: Namespace, member: str, *statements: str) -> list[list[Any]]:
    """On one connection."""
    return rows.sql(ledger.session(cluster), member, *statements)


@contextmanager
def _held(cluster: Namespace, member: str, *statements: str) -> Iterator[None]:
    """A session that has run these, and stays."""
    words = ["kubectl", f"--kubeconfig={KUBECONFIG}", "-n", cluster.name, "exec", member, "-c", "agent", "--"]
    with subprocess.Popen([*words, "python3", "-c", _HOLD, *statements], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        connection = int(holder.stdout.readline())
        try:
            yield
        finally:
            cluster.sql(member, f"KILL CONNECTION {connection}")
            holder.kill()


def test_a_replica_made_writable_by_hand_is_set_back_and_what_it_wrote_is_everybodys(cluster: Namespace) -> None:
    replica = cluster.replicas()[0]
    _together(cluster, replica, "SET GLOBAL read_only = 0", "INSERT INTO app.kept VALUES (26)")
    seen = "SELECT @@global.super_read_only, @@global.read_only"
    eventually(lambda: cluster.sql(replica, seen) == [[1, 1]], "its agent sets it back", 20)
    wrote = "SELECT id FROM app.kept WHERE id = 26"
    eventually(lambda: all(cluster.sql(member, wrote) == [[26]] for member in MEMBERS), "every member has it")
    assert cluster.await_healthy()["primary"] != replica
    assert "refusing writes: a replica, and somebody turned" in cluster.agent_log(replica)
    executed = {cluster.sql(member, "SELECT @@global.gtid_executed")[0][0] for member in MEMBERS}
    assert len(executed) == 1, "no errant transaction"


def test_a_primary_made_read_only_by_hand_stays_so_and_status_says_it(cluster: Namespace) -> None:
    """Whoever did that had a reason: a copy, or a move to another place."""
    primary = cluster.status()["primary"]
    cluster.sql(primary, "SET GLOBAL read_only = ON")
    eventually(lambda: "primary-read-only" in cluster.conditions(), "status says it", 20)
    assert primary in cluster.conditions()["primary-read-only"]["hint"]
    assert cluster.mysqlops("status", "mysql").code == 9
    cluster.sql(primary, "SET GLOBAL read_only = OFF")
    cluster.await_healthy()


def test_a_lock_is_named_before_a_hand_over_begins(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    for statement in ("FLUSH TABLES WITH READ LOCK", "LOCK TABLES app.kept WRITE"):
        with _held(cluster, primary, statement):
            done = cluster.mysqlops("switchover", "mysql", "--roll-back-transactions")
            assert (done.code, "locked-tables" in done.err, "KILL CONNECTION" in done.err) == (3, True, True), done.err
    assert cluster.status()["primary"] == primary
    assert cluster.mysqlops("switchover", "mysql").code == 0
    cluster.await_healthy()


def test_a_hand_over_that_meets_a_lock_all_the_same_says_that_it_may_still_happen(cluster: Namespace) -> None:
    """A lock that was taken after `switchover` had looked, and a write that waits for it."""
    primary, replica = cluster.await_healthy()["primary"], cluster.replicas()[0]
    inside = [
        "kubectl",
        f"--kubeconfig={KUBECONFIG}",
        "-n",
        cluster.name,
        "exec",
        primary,
        "-c",
        "agent",
        "--",
        "python3",
    ]
    write = "INSERT INTO app.kept VALUES (15)"
    words = ["/agent/agent.pyz", "switchover", "--to", replica, "--transactions-seconds", "1"]
    with (
        _held(cluster, primary, "FLUSH TABLES WITH READ LOCK"),
        subprocess.Popen([*inside, "-c", _HOLD, write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as writer,
    ):
        time.sleep(3)
        done = run(*inside, *words, timeout=90)
        writer.kill()
    assert (done.code, "may still happen: it waits for connection" in done.err) == (6, True), done.err
    assert "2013" not in done.err
    eventually(lambda: cluster.status()["primary"] == replica, "it happens once the lock is gone", 60)
    cluster.await_healthy()


def test_members_whose_appliers_fail_leave_the_group_alone_and_are_rebuilt_one_after_the_other(
    cluster: Namespace,
) -> None:
    primary, (first, second) = cluster.await_healthy()["primary"], cluster.replicas()
    # What a replica applies is what the binary log has.
    _together(cluster, primary, "SET sql_log_bin = 0", "CREATE TABLE app.unlogged (mail VARCHAR(40) PRIMARY KEY)")
    cluster.sql(primary, "INSERT INTO app.unlogged VALUES ('jane@example.org')")
    eventually(lambda: "applier-fails" in cluster.conditions(), "status names it", 60)
    told = [one for one in cluster.status()["conditions"] if one["code"] == "applier-fails"]
    assert "error 1146" in told[0]["message"]
    assert "jane" not in json.dumps(cluster.status())
    eventually(lambda: cluster.status()["online"] == 1, "the primary leads a group of one", 60)
    time.sleep(15)  # by then each has been refused once more, if it asks at all
    view = "SELECT view_id FROM performance_schema.replication_group_member_stats WHERE member_id = @@server_uuid"
    before = int(str(cluster.sql(primary, view)[0][0]).partition(":")[2])
    time.sleep(60)
    after = int(str(cluster.sql(primary, view)[0][0]).partition(":")[2])
    assert after - before <= 2, "they try outside the group"
    for member in (first, second):
        done = cluster.mysqlops("member", "rebuild", "mysql", member, "--confirm", member)
        assert done.code == 0, done.err
        assert cluster.sql(member, "SELECT COUNT(*) FROM app.unlogged") == [[1]]
        assert cluster.sql(member, "SELECT state FROM performance_schema.clone_status") == [["Completed"]]
    cluster.await_healthy()


def test_an_applier_that_failed_for_a_passing_cause_heals_by_itself(cluster: Namespace) -> None:
    primary, replica = cluster.await_healthy()["primary"], cluster.replicas()[0]
    cluster.sql(primary, "CREATE TABLE app.passing (id INT PRIMARY KEY)")
    eventually(lambda: cluster.sql(replica, "SHOW TABLES IN app LIKE 'passing'") != [], "it has the table")
    _together(cluster, replica, "SET sql_log_bin = 0", "SET GLOBAL super_read_only = OFF", "DROP TABLE app.passing")
    cluster.sql(primary, "INSERT INTO app.passing VALUES (1)")
    eventually(lambda: "applier-fails" in cluster.conditions(), "status names it", 60)
    create = "CREATE TABLE app.passing (id INT PRIMARY KEY)"
    _together(cluster, replica, "SET sql_log_bin = 0", "SET GLOBAL super_read_only = OFF", create)
    cluster.sql(replica, "SET GLOBAL super_read_only = ON")
    cluster.await_healthy(seconds=420)
    assert cluster.sql(replica, "SELECT id FROM app.passing") == [[1]]


def test_what_kubernetes_refuses_reaches_the_user(cluster: Namespace) -> None:
    """A quota that has no room for another pod (bug 21)."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": {"pods": "3"}}}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(quota))
    try:
        done = cluster.mysqlops("scale", "mysql", "--replicas", "5", "--timeout", "20s")
        assert (done.code, "exceeded quota: team" in done.err) == (5, True), done.err
        assert "kubectl logs mysql-3" not in json.dumps(cluster.status())
    finally:
        cluster.kubectl("delete", "resourcequota", "team")
    assert cluster.mysqlops("scale", "mysql", "--replicas", "3").code == 0
    cluster.await_healthy()
