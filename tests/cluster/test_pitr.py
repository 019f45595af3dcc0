"""Binary logs on the lab: received under writes while the primary moves, applied up to a moment or a transaction."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from mysqlops.core import names
from mysqlops.drill.ledger import journal
from mysqlops.drill.plan import choice
from tests.cluster import data
from tests.cluster.conftest import SMALL, Namespace, eventually, purge
from tests.faults.ledger import Ledger

TARGET = ("--target", "local")


@dataclass(frozen=True)
class Written:
    """What clients were told that wrote while the primary moved twice, the backup from before, and a moment between."""

    lines: list[journal.Line]
    backup: str
    moment: float


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    namespace.claim("backups")
    namespace = namespace.with_logins(tmp_path_factory.mktemp("logins"))
    for words in (
        ("deploy", "mysql", *SMALL),
        ("backup", "target", "add", "local", "--claim", "backups"),
        ("backup", "binlog", "start", "mysql", "--target", "local", "--every", "5s"),
    ):
        done = namespace.mysqlops(*words)
        assert done.code == 0, done.err
    namespace.kubectl("create", "secret", "generic", "kept", f"--from-literal={names.KEY_BACKUP_KEY}={_key(namespace)}")
    return namespace


def _key(namespace: Namespace) -> str:
    """What a user keeps outside the cluster, to restore from the target anywhere."""
    secret = json.loads(namespace.kubectl("get", "secret", "mysql-internal", "-o", "json"))
    return base64.b64decode(secret["data"][names.KEY_BACKUP_KEY]).decode()


@pytest.fixture(scope="module")
def written(cluster: Namespace) -> Written:
    done = cluster.mysqlops("backup", "create", "mysql", "-o", "json")
    assert done.code == 0, done.err
    moments = []

    def move_twice() -> None:
        assert cluster.mysqlops("switchover", "mysql").code == 0
        time.sleep(1)
        moments.append(time.time())
        time.sleep(1)
        cluster.kubectl("delete", "pod", cluster.status()["primary"], "--force", "--grace-period=0")
        cluster.await_healthy()
        time.sleep(2)

    outcome = Ledger(cluster).under_writes(move_twice, ["mysql-0", "mysql-1", "mysql-2"])
    assert outcome.is_clean(), outcome
    return Written(outcome.lines, done.json()["id"], moments[0])


def _chunks(cluster: Namespace) -> list[dict[str, Any]]:
    done = cluster.mysqlops("backup", "binlog", "list", *TARGET, "-o", "json")
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = done.json()
    return found


def _is_stored(cluster: Namespace) -> bool:
    """All that the primary has."""
    last = _chunks(cluster)[-1]
    query = f"SELECT GTID_SUBSET(@@gtid_executed, '{last['before']},{last['gtid']}')"
    return cluster.sql(cluster.await_healthy()["primary"], query) == [[1]]


def _iso(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _rows(cluster: Namespace, pod: str) -> set[tuple[str, int]]:
    return {(client, int(n)) for client, n in cluster.sql(pod, f"SELECT client, sequence FROM {choice.TABLE}")}


def _restore(cluster: Namespace, backup: str, to: str) -> dict[str, Any]:
    words = ("restore", backup, "--as", "copy", "--replicas", "1", "--to", to, *TARGET, "--signed-by", "kept")
    done = cluster.mysqlops(*words, "-o", "json")
    assert done.code == 0, done.err
    found: dict[str, Any] = done.json()
    return found


def test_a_moment_between_two_moves_of_the_primary_is_restored_row_by_row(cluster: Namespace, written: Written) -> None:
    eventually(lambda: _is_stored(cluster), "the last write is stored", 90)
    assert all(one["continues"] in (True, None) for one in _chunks(cluster))
    moment = written.moment
    found = _restore(cluster, written.backup, _iso(moment))
    assert found["reached"]["last"]["committed"] <= _iso(moment) < found["reached"]["stopped_before"]["committed"]
    held = _rows(cluster, "copy-0")
    # All nodes of the lab share one clock: what was acknowledged before is there, what was begun later is not.
    before = {(one.who, one.number) for one in written.lines if one.kind == journal.ACKNOWLEDGED and one.at < moment}
    after = {(one.who, one.number) for one in written.lines if one.kind == journal.INTENT and one.at > moment}
    assert before
    assert after
    assert not before - held
    assert not after & held
    data.away(cluster)


@pytest.mark.long
def test_the_latest_point_is_all_that_the_members_hold(cluster: Namespace, written: Written) -> None:
    primary = cluster.await_healthy()["primary"]
    ((executed,),) = cluster.sql(primary, "SELECT @@gtid_executed")
    found = _restore(cluster, written.backup, "latest")
    assert found["reached"]["stopped_before"] is None
    assert _rows(cluster, "copy-0") == _rows(cluster, primary)
    ((reached,),) = cluster.sql("copy-0", "SELECT @@gtid_purged")
    assert cluster.sql("copy-0", f"SELECT GTID_SUBTRACT('{executed}', '{reached}')") == [[""]]
    data.away(cluster)


@pytest.mark.long
def test_a_mistake_is_taken_back_in_place(cluster: Namespace, written: Written) -> None:
    """Somebody deletes rows; the cluster goes back to right before that transaction."""
    primary = cluster.await_healthy()["primary"]
    held = _rows(cluster, primary)
    ((before,),) = cluster.sql(primary, "SELECT @@gtid_executed")
    cluster.sql(primary, f"DELETE FROM {choice.TABLE}")
    ((mistake,),) = cluster.sql(primary, f"SELECT GTID_SUBTRACT(@@gtid_executed, '{before}')")
    to = f"before-{mistake}"
    eventually(lambda: not cluster.sql(primary, f"SELECT 1 FROM {choice.TABLE} LIMIT 1"), "deleted")
    eventually(lambda: _is_stored(cluster), "it is stored", 90)
    done = cluster.mysqlops(*_in_place(written, to), "--confirm", "mysql", "-o", "json", timeout=400)
    assert done.code == 0, done.err
    assert done.json()["reached"]["stopped_before"]["gtid"] == mistake
    for member in ("mysql-0", "mysql-1", "mysql-2"):
        assert _rows(cluster, member) == held
    # The receiver begins another history with the data.
    primary = cluster.status()["primary"]
    ((group,),) = cluster.sql(primary, "SELECT @@group_replication_group_name")
    eventually(lambda: _chunks(cluster)[-1]["group"] == group, "another history begins", 90)
    eventually(lambda: _codes(cluster) == ["binlog-gap"], "it is told that no backup can be brought to now", 60)


def _codes(cluster: Namespace) -> list[str]:
    return [one["code"] for one in cluster.status()["conditions"]]


def _in_place(written: Written, to: str) -> tuple[str, ...]:
    return ("restore", written.backup, "--in-place", "mysql", "--to", to, *TARGET)


@pytest.mark.long
def test_a_gap_is_shown_and_closed_by_a_backup(cluster: Namespace) -> None:
    done = cluster.mysqlops("backup", "create", "mysql", "-o", "json", *TARGET)
    assert done.code == 0, done.err
    old = done.json()["id"]
    assert cluster.mysqlops("backup", "binlog", "stop", "mysql").code == 0
    primary = cluster.status()["primary"]
    cluster.sql(primary, "CREATE TABLE app.gap (id INT PRIMARY KEY)")
    purge(cluster, primary)
    done = cluster.mysqlops("backup", "binlog", "start", "mysql", "--every", "5s")
    assert done.code == 0, done.err
    assert _codes(cluster) == ["binlog-gap"]
    assert _chunks(cluster)[-1]["continues"] is False
    cluster.sql(primary, "INSERT INTO app.gap VALUES (1)")
    done = cluster.mysqlops("restore", old, "--as", "copy", "--to", _iso(time.time()), *TARGET)
    assert done.code == 3
    assert "are stored nowhere" in done.err
    assert cluster.mysqlops("backup", "create", "mysql", *TARGET).code == 0
    eventually(lambda: cluster.status()["conditions"] == [], "the gap is behind the newest backup", 120)


@pytest.mark.long
def test_logs_that_are_purged_before_they_are_received_are_a_gap(cluster: Namespace) -> None:
    """The receiver runs, but is kept out while it happens."""
    primary = cluster.await_healthy()["primary"]
    account = "ALTER USER mysqlops_backup@'%' ACCOUNT"
    cluster.sql(primary, f"{account} LOCK")
    for (number,) in cluster.sql(
        primary, "SELECT id FROM performance_schema.processlist WHERE user = 'mysqlops_backup'"
    ):
        cluster.sql(primary, f"KILL {number}")
    cluster.sql(primary, "INSERT INTO app.gap VALUES (2)")
    purge(cluster, primary)
    cluster.sql(primary, f"{account} UNLOCK")
    eventually(lambda: _codes(cluster) == ["binlog-gap"], "the gap is seen", 90)
    assert cluster.mysqlops("backup", "create", "mysql", *TARGET).code == 0
    eventually(lambda: _codes(cluster) == [], "the gap is behind the newest backup", 90)
    assert _chunks(cluster)[-1]["continues"] is False


def test_what_cannot_be_is_refused(cluster: Namespace, written: Written) -> None:
    words = ("restore", written.backup, "--as", "copy", *TARGET, "--to")
    for to, code, told in (
        ("yesterday", 2, "expected latest"),
        ("2026-11-25T10:00:00", 2, "time zone"),
        ("2020-01-01T00:00:00Z", 3, "out-of-reach"),
        ("00000000-0000-0000-0000-000000000000:1", 3, "out-of-reach"),
    ):
        done = cluster.mysqlops(*words, to)
        assert (done.code, told in done.err) == (code, True), done.err
    done = cluster.mysqlops("backup", "binlog", "start", "mysql", "--every", "1s")
    assert (done.code, "--every 1s" in done.err) == (2, True), done.err
    assert cluster.mysqlops("restore", "--revert", "mysql", "--to", "latest").code == 2
    assert cluster.mysqlops("backup", "binlog", "stop", "mysql").code == 0
    assert not cluster.objects("deployments")
