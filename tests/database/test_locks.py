"""Which sessions are in the way of a hand-over, on a real server: what `switchover` names before it begins (bug 15).

That the hand-over waits for just these was tried on the lab (MySQL 9.7.4, with a writer that waits for
the lock), and that KILL does not end one that has begun: tests/cluster/test_repair.py has the case.
"""

from __future__ import annotations

import pytest

from mysqlops.mysql import sessions
from tests.database.conftest import Database

pytestmark = pytest.mark.usefixtures("writable")
_WRITES = ["BEGIN", "INSERT INTO locks.t VALUES ()"]
_PREPARES = ["XA START 'x'", "INSERT INTO locks.t VALUES ()", "XA END 'x'", "XA PREPARE 'x'"]


@pytest.mark.parametrize(
    ("statements", "lock"),
    [
        (["FLUSH TABLES WITH READ LOCK"], "the lock of FLUSH TABLES WITH READ LOCK"),
        (["LOCK TABLES locks.t WRITE"], "a lock on table locks.t"),
        (["LOCK TABLES locks.t READ"], "a lock on table locks.t"),
        (["FLUSH TABLES locks.t FOR EXPORT"], "a lock on table locks.t"),
        (["LOCK INSTANCE FOR BACKUP"], ""),
        (["SELECT GET_LOCK('x', 1)"], ""),
        (_WRITES, ""),
        (_PREPARES, ""),
    ],
)
def test_only_a_lock_that_a_hand_over_waits_for_is_told(database: Database, statements: list[str], lock: str) -> None:
    with database.connect() as holder, database.connect() as other:
        other.query("CREATE DATABASE IF NOT EXISTS locks")
        other.query("CREATE TABLE IF NOT EXISTS locks.t (id INT AUTO_INCREMENT PRIMARY KEY)")
        for statement in statements:
            holder.query(statement)
        found = [one for one in sessions.transactions(other) if one.lock]
        own = holder.scalar("SELECT CONNECTION_ID()")
        if statements == _PREPARES:
            holder.query("XA ROLLBACK 'x'")
    assert [(one.connection, one.user, one.lock) for one in found] == ([(own, "tester", lock)] if lock else [])
