"""Clients' connections and transactions on one server: see them, and close them."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.activity import Transaction
from mysqlops.mysql import connect

_OURS = (
    names.USER_ADMIN,
    names.USER_REPLICATION,
    "system user",
    "event_scheduler",
    "mysql.session",
    "mysql.infoschema",
)
_CLIENTS = """
SELECT id FROM performance_schema.processlist
WHERE id <> CONNECTION_ID() AND user NOT IN %s AND command <> 'Daemon' AND host NOT LIKE 'localhost%%'
"""
_TRANSACTIONS = """
SELECT t.trx_mysql_thread_id, COALESCE(p.user, '?'), GREATEST(TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), 0),
  t.trx_rows_modified
FROM information_schema.innodb_trx t LEFT JOIN performance_schema.processlist p ON p.id = t.trx_mysql_thread_id
WHERE t.trx_mysql_thread_id <> 0 ORDER BY t.trx_started
"""
# A switchover waits for statements that change data, and those wait for such a lock: FLUSH TABLES WITH READ LOCK, LOCK
# TABLES, FLUSH TABLES FOR EXPORT. Tested and harmless: LOCK INSTANCE FOR BACKUP, GET_LOCK, prepared XA.
_LOCKS = """
SELECT t.processlist_id, COALESCE(MAX(t.processlist_user), '?'), GREATEST(COALESCE(MAX(t.processlist_time), 0), 0),
  MAX(IF(m.object_type = 'GLOBAL', 'the lock of FLUSH TABLES WITH READ LOCK',
    CONCAT('a lock on table ', m.object_schema, '.', m.object_name)))
FROM performance_schema.metadata_locks m JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id
WHERE m.lock_status = 'GRANTED' AND t.processlist_id <> CONNECTION_ID() AND (
  (m.object_type = 'GLOBAL' AND m.lock_type = 'SHARED')
  OR (m.object_type = 'TABLE' AND m.lock_type IN ('SHARED_READ_ONLY', 'SHARED_NO_READ_WRITE'))
  OR (m.object_type = 'TABLE' AND m.lock_type = 'SHARED_NO_WRITE' AND t.processlist_command = 'Sleep'))
GROUP BY t.processlist_id ORDER BY MAX(t.processlist_time) DESC
"""
_GONE = {1094}  # the connection has ended by itself


def close_clients(server: connect.Server) -> int:
    """Close every client's connection, so that pools reconnect through the Service; returns their number. Connections
    through the socket stay: somebody is inspecting the server itself."""
    found = [int(row[0]) for row in server.query(_CLIENTS, [_OURS])]
    for connection in found:
        try:
            server.query("KILL CONNECTION %s", [connection])
        except errors.StatementFailed as error:
            if error.errno not in _GONE:
                raise
    return len(found)


def transactions(server: connect.Server) -> list[Transaction]:
    """Open transactions, oldest first; then the sessions whose locks block a switchover."""
    open_ones = [
        Transaction(int(connection), user, int(seconds), int(modified))
        for connection, user, seconds, modified in server.query(_TRANSACTIONS)
    ]
    return open_ones + locks(server)


def locks(server: connect.Server) -> list[Transaction]:
    """The sessions whose locks block a switchover. While a switchover is blocked, the server answers this query, but
    refuses queries of information_schema (error 4094)."""
    return [
        Transaction(int(connection), user, int(seconds), 0, lock)
        for connection, user, seconds, lock in server.query(_LOCKS)
    ]
