"""Clients' connections and transactions on one server: see them, and close them."""

from __future__ import annotations

from dataclasses import dataclass

from mysqlops import errors
from mysqlops.core import names
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
SELECT t.trx_mysql_thread_id, COALESCE(p.user, '?'), TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), t.trx_rows_modified
FROM information_schema.innodb_trx t LEFT JOIN performance_schema.processlist p ON p.id = t.trx_mysql_thread_id
WHERE t.trx_mysql_thread_id <> 0 ORDER BY t.trx_started
"""
_GONE = {1094}  # the connection ended by itself meanwhile


@dataclass(frozen=True)
class Transaction:
    """An open transaction of a client; its statements are not shown, for they may hold data."""

    connection: int
    user: str
    seconds: int
    rows_modified: int


def close_clients(server: connect.Server) -> int:
    """Close every client's connection, so that pools connect anew through the Service; how many there were. Not those
    through the socket: somebody looks at the server itself."""
    found = [int(row[0]) for row in server.query(_CLIENTS, [_OURS])]
    for connection in found:
        try:
            server.query("KILL CONNECTION %s", [connection])
        except errors.StatementFailed as error:
            if error.errno not in _GONE:
                raise
    return len(found)


def transactions(server: connect.Server) -> list[Transaction]:
    """Open transactions, the oldest first."""
    return [
        Transaction(int(connection), user, int(seconds), int(modified))
        for connection, user, seconds, modified in server.query(_TRANSACTIONS)
    ]
