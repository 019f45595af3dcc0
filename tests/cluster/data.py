"""Data of every kind that a backup must bring back, and what is compared of it."""

from __future__ import annotations

import json
import re
from typing import Any

from mysqlops.drill.clients import rows
from tests.cluster.conftest import Namespace
from tests.faults import ledger

SCHEMA = (
    "CREATE TABLE app.things (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), born DATE, photo BLOB, tags JSON)",
    "INSERT INTO app.things (name, photo, tags) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
    "WHERE i < 900) SELECT CONCAT('thing ', i), RANDOM_BYTES(400), JSON_ARRAY(i) FROM n",
    "CREATE VIEW app.few AS SELECT * FROM app.things WHERE id < 10",
    "CREATE PROCEDURE app.count_things () SELECT COUNT(*) FROM app.things",
    "CREATE USER shop@'%' IDENTIFIED BY 'shop-secret'",
    "GRANT SELECT ON app.* TO shop@'%'",
)
_QUERIES = (
    "SELECT * FROM app.things ORDER BY id",
    "SELECT * FROM app.few ORDER BY id",
    "SHOW CREATE TABLE app.things",
    "SHOW CREATE PROCEDURE app.count_things",
    "SHOW CREATE USER shop@'%'",
    "SHOW GRANTS FOR shop@'%'",
)


def seed(namespace: Namespace, primary: str) -> None:
    for statement in SCHEMA:
        namespace.sql(primary, statement)


def seen(namespace: Namespace, member: str) -> dict[str, Any]:
    """Row by row, and the statements that make the rest. Without the next number of a table: a server that inserted
    many rows at once has reserved some, and its replicas have not."""
    found = {query: namespace.sql(member, query) for query in _QUERIES}
    return json.loads(re.sub(r" AUTO_INCREMENT=\d+", "", json.dumps(found)))  # type: ignore[no-any-return]


_SESSIONS, _CALLS = 8, 63  # at once, and transactions of each: a piece takes seconds, also on a loaded machine
_SPIN = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, "/agent/agent.pyz")
from mysqlops.agent import member, pod, settings
from mysqlops.mysql import connect
def spin(_):
    with member.Member(pod.Pod(settings.read())).connect() as server:
        connect.set_read_timeout(server, 110)
        server.query("CALL app.spin({_CALLS})")
with ThreadPoolExecutor({_SESSIONS}) as pool:
    list(pool.map(spin, range({_SESSIONS})))
"""
BATCH_ROWS = 8_000  # a transaction of 8 MB
TOGETHER = 10  # such transactions in one call
ROW_BYTES = 950  # of random bytes: nothing compresses, as bad as it gets


def fill(namespace: Namespace, primary: str, mib: int) -> None:
    """So much of random bytes into app.t, without a pause."""
    namespace.sql(primary, "CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, b BLOB)")
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    for _ in range(-(-BATCH_ROWS // 900)):
        namespace.sql(primary, f"INSERT INTO app.t (b) {numbers} SELECT RANDOM_BYTES({ROW_BYTES}) FROM n")
    seeds = f"(SELECT id FROM app.t LIMIT {BATCH_ROWS}) seeds"
    batch = f"INSERT INTO app.t (b) SELECT RANDOM_BYTES({ROW_BYTES}) FROM {seeds}"
    for _ in range(mib * 1024 * 1024 // (BATCH_ROWS * 1024 * TOGETHER)):
        rows.sql(ledger.session(namespace), primary, *[batch] * TOGETHER)


def prepare_often(namespace: Namespace, primary: str) -> None:
    """What `commit_often` needs, before the member goes that is to miss something: it may be back within seconds."""
    spin = "WHILE n > 0 DO INSERT INTO app.many VALUES (); SET n = n - 1; END WHILE"
    namespace.sql(primary, "CREATE TABLE app.many (id INT PRIMARY KEY AUTO_INCREMENT)")
    namespace.sql(primary, f"CREATE PROCEDURE IF NOT EXISTS app.spin (n INT) BEGIN {spin}; END")


def commit_often(namespace: Namespace, primary: str, count: int) -> None:
    """So many transactions, as fast as many sessions can."""
    for _ in range(-(-count // (_SESSIONS * _CALLS))):  # in pieces: other tests may want the same two cores
        namespace.kubectl("exec", primary, "-c", "agent", "--", "python3", "-c", _SPIN)


def away(cluster: Namespace) -> None:
    """A restored cluster named copy, with its data."""
    done = cluster.mysqlops("delete", "copy", "--yes", "--purge-data", "--confirm", "copy")
    assert done.code == 0, done.err


def stray(namespace: Namespace, replica: str) -> None:
    """The replica writes a row of its own into app.kept while it is outside the group."""
    program = (
        "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"
        "from mysqlops.agent import member, pod, settings\n"
        "server = member.Member(pod.Pod(settings.read())).connect()\n"
        "for statement in ('STOP GROUP_REPLICATION', 'SET GLOBAL super_read_only = OFF',\n"
        "  'SET GLOBAL read_only = OFF', 'INSERT INTO app.kept VALUES (77)'): server.query(statement)"
    )
    namespace.kubectl("exec", replica, "-c", "agent", "--", "python3", "-c", program)
