"""Each method on each kind of target: made while clients write and the primary dies, restored, compared row by row."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from mysqlops.drill.ledger import journal
from mysqlops.drill.plan import choice
from tests.cluster import data
from tests.cluster.conftest import SMALL, Namespace, Result, s3_target
from tests.faults.ledger import Ledger

pytestmark = pytest.mark.long
MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, request: pytest.FixtureRequest) -> Namespace:
    namespace.claim("backups", "2Gi")
    s3 = s3_target(namespace, request.config)
    for words in (
        ("deploy", "mysql", *SMALL),
        ("backup", "target", "add", "claim", "--claim", "backups"),
        ("backup", "target", "add", "s3", *s3),
    ):
        done = namespace.mysqlops(*words)
        assert done.code == 0, done.err
    return namespace


def _restored(cluster: Namespace, backup: str, target: str) -> None:
    done = cluster.mysqlops("restore", backup, "--as", "copy", "--replicas", "1", "--target", target)
    assert done.code == 0, done.err


@pytest.mark.parametrize("method", ["archive", "logical", "snapshot"])
def test_an_empty_server(cluster: Namespace, method: str) -> None:
    done = cluster.mysqlops("backup", "create", "mysql", "--method", method, "--target", "claim", "-o", "json")
    assert done.code == 0, done.err
    _restored(cluster, done.json()["id"], "claim")
    assert cluster.sql("copy-0", "SHOW TABLES FROM app") == []
    assert cluster.sql("copy-0", f"SELECT GTID_SUBSET('{done.json()['gtid']}', @@gtid_executed)") == [[1]]
    data.away(cluster)


@pytest.mark.parametrize("target", ["claim", "s3"])
@pytest.mark.parametrize("method", ["archive", "logical", "snapshot"])
def test_a_backup_during_a_failover_is_the_source_row_by_row(cluster: Namespace, method: str, target: str) -> None:
    primary = cluster.await_healthy()["primary"]
    if not cluster.sql(primary, "SHOW TABLES FROM app LIKE 'things'"):
        data.seed(cluster, primary)
    done, began = _made_during_a_failover(cluster, primary, method, target)
    made: dict[str, Any] = done[0].json()
    assert made["method"] == method
    ended = time.time()
    _restored(cluster, made["id"], target)
    cluster.await_healthy()
    assert data.seen(cluster, "copy-0") == data.seen(cluster, "mysql-0")
    rows = cluster.sql("copy-0", f"SELECT client, sequence FROM {choice.TABLE}")
    held = {(client, int(number)) for client, number in rows}
    lines = done[1]
    before = {(one.who, one.number) for one in lines if one.kind == journal.ACKNOWLEDGED and one.at < began}
    known = {(one.who, one.number) for one in lines if one.kind == journal.INTENT and one.at < ended}
    assert before
    assert before <= held <= known
    data.away(cluster)


def _made_during_a_failover(
    cluster: Namespace, primary: str, method: str, target: str
) -> tuple[tuple[Result, list[journal.Line]], float]:
    """The command's end, all that the clients journalled, and when the command began."""
    results: list[Result] = []
    began = 0.0
    words = ("backup", "create", "mysql", "--method", method, "--target", target, "-o", "json")

    def change() -> None:
        nonlocal began
        time.sleep(2)
        began = time.time()
        making = threading.Thread(target=lambda: results.append(cluster.mysqlops(*words)))
        making.start()
        time.sleep(8)
        cluster.kubectl("delete", "pod", primary, "--force", "--grace-period=0")
        making.join()
        cluster.await_healthy()

    outcome = Ledger(cluster).under_writes(change, MEMBERS)
    assert outcome.is_clean(), outcome
    assert results[0].code == 0, results[0].err
    return (results[0], outcome.lines), began
