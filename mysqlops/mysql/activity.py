"""Sessions, transactions and waits on one server, its accounts, and the end of one session.

Statements are shown as digests, in which literals are question marks: no row's value leaves the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from mysqlops import errors
from mysqlops.core import activity
from mysqlops.errors import Reason, Refused
from mysqlops.mysql import connect, sessions

_SESSIONS = f"""
SELECT p.id, COALESCE(p.user, ''), COALESCE(p.host, ''), COALESCE(p.db, ''), COALESCE(p.command, ''),
  GREATEST(COALESCE(p.time, 0), 0), COALESCE(p.state, ''), COALESCE(MAX(LEFT(s.digest_text, 400)), '')
FROM performance_schema.processlist p
LEFT JOIN performance_schema.threads t ON t.processlist_id = p.id
LEFT JOIN performance_schema.events_statements_current s
  ON s.thread_id = t.thread_id AND s.nesting_event_level = 0 AND s.timer_wait > 0 AND p.command <> 'Sleep'
WHERE p.id <> CONNECTION_ID()
GROUP BY p.id, p.user, p.host, p.db, p.command, p.time, p.state
ORDER BY p.command IN ('Sleep', 'Daemon'), p.time DESC LIMIT {activity.MOST}
"""  # noqa: S608
# Row locks; then locks on tables and on the whole server: of those that are granted, only the ones of another kind
# block, unless everything blocks.
_WAITS = f"""
SELECT w.processlist_id, COALESCE(w.processlist_user, ''), GREATEST(COALESCE(w.processlist_time, 0), 0),
  CONCAT('a row lock (', l.lock_mode, ') of ', l.object_schema, '.', l.object_name),
  b.processlist_id, COALESCE(b.processlist_user, '')
FROM performance_schema.data_lock_waits d
JOIN performance_schema.data_locks l ON l.engine_lock_id = d.requesting_engine_lock_id
JOIN performance_schema.threads w ON w.thread_id = d.requesting_thread_id
JOIN performance_schema.threads b ON b.thread_id = d.blocking_thread_id
UNION
SELECT w.processlist_id, COALESCE(w.processlist_user, ''), GREATEST(COALESCE(w.processlist_time, 0), 0),
  CONCAT('a lock (', m.lock_type, ') of ', COALESCE(CONCAT(m.object_schema, '.', m.object_name), m.object_type)),
  b.processlist_id, COALESCE(b.processlist_user, '')
FROM performance_schema.metadata_locks m
JOIN performance_schema.metadata_locks g ON g.lock_status = 'GRANTED' AND g.object_type = m.object_type
  AND g.object_schema <=> m.object_schema AND g.object_name <=> m.object_name
  AND g.owner_thread_id <> m.owner_thread_id AND (g.lock_type <> m.lock_type OR m.lock_type = 'EXCLUSIVE')
JOIN performance_schema.threads w ON w.thread_id = m.owner_thread_id
JOIN performance_schema.threads b ON b.thread_id = g.owner_thread_id
WHERE m.lock_status = 'PENDING' AND m.object_type IN ('TABLE', 'GLOBAL', 'SCHEMA', 'COMMIT', 'BACKUP LOCK')
  AND w.processlist_id IS NOT NULL AND b.processlist_id IS NOT NULL
ORDER BY 3 DESC LIMIT {activity.MOST}
"""  # noqa: S608
_ACCOUNTS = f"""
SELECT user, host, plugin, ssl_type <> '', account_locked = 'Y', password_expired = 'Y',
  COALESCE(JSON_EXTRACT(user_attributes, '$.additional_password') IS NOT NULL, FALSE)
FROM mysql.user WHERE user NOT IN ('mysql.session', 'mysql.infoschema', 'mysql.sys') ORDER BY user, host
LIMIT {activity.MOST}
"""  # noqa: S608
# One row for each kind of statement. The file of the slow log, which is off, would grow on the volume, and contains
# rows' values.
_SLOW = f"""
SELECT CAST(UNIX_TIMESTAMP(last_seen) AS UNSIGNED), LEFT(digest_text, 1000), COALESCE(schema_name, ''),
  CAST(count_star AS UNSIGNED), CAST(max_timer_wait DIV 1000000000 AS UNSIGNED),
  CAST(avg_timer_wait DIV 1000000000 AS UNSIGNED), CAST(sum_rows_examined AS UNSIGNED)
FROM performance_schema.events_statements_summary_by_digest
WHERE max_timer_wait >= @@global.long_query_time * 1000000000000 AND digest_text IS NOT NULL
ORDER BY last_seen DESC LIMIT {activity.MOST}
"""  # noqa: S608
_WHOSE = "SELECT user, command FROM performance_schema.processlist WHERE id = %s"
_GONE = 1094


def _records(kind: type[Any], sql: str) -> Callable[[connect.Server], Any]:
    keys = [(field.name, {"int": int, "bool": bool}.get(str(field.type), str)) for field in fields(kind)]
    return lambda server: [
        {key: make(value) for (key, make), value in zip(keys, row, strict=True)} for row in server.query(sql)
    ]


_PARTS: dict[str, Callable[[connect.Server], Any]] = {
    "sessions": _records(activity.Session, _SESSIONS),
    "transactions": lambda server: [asdict(transaction) for transaction in sessions.transactions(server)][
        : activity.MOST
    ],
    "waits": _records(activity.Wait, _WAITS),
}
slow = _records(activity.Slow, _SLOW)
accounts = _records(activity.Account, _ACCOUNTS)


def look(server: connect.Server) -> dict[str, Any]:
    """Part -> its rows; `failed` says why the others have none: while a switchover is blocked, the server refuses some
    queries."""
    found: dict[str, Any] = {"failed": {}}
    for part, ask in _PARTS.items():
        try:
            found[part] = ask(server)
        except errors.StatementFailed as error:
            found["failed"][part] = str(error)
    return found


def kill(server: connect.Server, session: int, mark: str) -> bool:
    """End that session; False if it has ended by itself. Raises Refused if it is now the session of an account with
    another mark (core/activity.py), as after a restart of the server, or one of ours."""
    rows = server.query(_WHOSE, [session])
    if not rows:
        return False
    user, command = str(rows[0][0]), str(rows[0][1] or "")
    if activity.is_ours(user, command) or activity.mark(user) != mark:
        text = f"session {session} is {user}'s ({command}): only a client's is ended, and only the one that was seen"
        raise Refused([Reason("not-a-clients-session", text)])
    try:
        server.query("KILL CONNECTION %s", [session])
    except errors.StatementFailed as error:
        if error.errno != _GONE:
            raise
        return False
    return True
