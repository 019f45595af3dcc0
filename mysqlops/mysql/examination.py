"""What `doctor` and `report` ask a server: each part is one query, and one that fails does not stop the others.

No part returns rows of users' tables or texts of statements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from mysqlops import errors
from mysqlops.mysql import connect, sessions

_MOMENT = "SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%f+00:00')"
_VARIABLES = "SELECT variable_name, variable_value FROM performance_schema.global_variables"
_GTIDS = "SELECT @@global.gtid_executed, @@global.gtid_purged, @@global.server_uuid"
_GROUP = """
SELECT member_id, member_host, member_state, member_role, member_version
FROM performance_schema.replication_group_members ORDER BY member_host
"""
_QUEUES = """
SELECT member_id, count_transactions_in_queue, count_transactions_remote_in_applier_queue, count_conflicts_detected
FROM performance_schema.replication_group_member_stats
"""
_CONNECTIONS = """
SELECT variable_name, CAST(variable_value AS UNSIGNED) FROM performance_schema.global_status
WHERE variable_name IN ('Threads_connected', 'Max_used_connections')
"""
# A primary key, or a unique key without NULL:
# https://dev.mysql.com/doc/refman/9.7/en/group-replication-requirements.html
_TABLES = """
SELECT /*+ MAX_EXECUTION_TIME(2000) */ t.table_schema, t.table_name, t.engine
FROM information_schema.tables t
WHERE t.table_type = 'BASE TABLE' AND t.table_schema NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')
  AND (t.engine <> 'InnoDB' OR NOT EXISTS (
    SELECT 1 FROM information_schema.statistics s
    WHERE s.table_schema = t.table_schema AND s.table_name = t.table_name AND s.non_unique = 0
    GROUP BY s.index_name HAVING SUM(s.nullable = 'YES') = 0))
ORDER BY 1, 2 LIMIT 21
"""
# Without the messages: they may hold values of rows.
_ERRORS = """
SELECT error_code, subsystem, COUNT(*), CAST(UNIX_TIMESTAMP(MAX(logged)) AS UNSIGNED)
FROM performance_schema.error_log WHERE prio = 'Error' AND logged > NOW() - INTERVAL 1 HOUR
GROUP BY error_code, subsystem ORDER BY MAX(logged) DESC LIMIT 20
"""
# Average times, in microseconds, of everything but reads and writes, which is flushes but for a few files opened.
_FLUSHES = """
SELECT event_name, CAST(count_misc AS UNSIGNED), CAST(avg_timer_misc DIV 1000000 AS UNSIGNED)
FROM performance_schema.file_summary_by_event_name
WHERE event_name IN ('wait/io/file/sql/binlog', 'wait/io/file/innodb/innodb_log_file') AND count_misc > 0
"""
# Refused for its size: by the group (logged, as long as the log's table reaches), by max_allowed_packet and by
# max_binlog_cache_size (counted, but not where performance_schema_error_size is 0, as on small members).
_LIMITS = """
SELECT error_code, CAST(COUNT(*) AS UNSIGNED), CAST(UNIX_TIMESTAMP(MAX(logged)) AS UNSIGNED)
FROM performance_schema.error_log WHERE error_code = 'MY-011608' GROUP BY error_code
UNION ALL SELECT CONCAT('MY-', LPAD(error_number, 6, '0')), CAST(sum_error_raised AS UNSIGNED),
  CAST(UNIX_TIMESTAMP(last_seen) AS UNSIGNED)
FROM performance_schema.events_errors_summary_global_by_error
WHERE error_number IN (1153, 1197) AND sum_error_raised > 0
"""


def _rows(sql: str) -> Callable[[connect.Server], Any]:
    return lambda server: [list(row) for row in server.query(sql)]


PARTS: dict[str, Callable[[connect.Server], Any]] = {
    "moment": lambda server: server.scalar(_MOMENT),
    "variables": lambda server: dict(server.query(_VARIABLES)),
    "gtids": lambda server: dict(zip(("executed", "purged", "uuid"), server.query(_GTIDS)[0], strict=True)),
    "group": _rows(_GROUP),
    "queues": _rows(_QUEUES),
    "connections": lambda server: dict(server.query(_CONNECTIONS)),
    "tables": _rows(_TABLES),
    "transactions": lambda server: [asdict(transaction) for transaction in sessions.transactions(server)],
    "errors": _rows(_ERRORS),
    "flushes": _rows(_FLUSHES),
    "binlogs": lambda server: {"bytes": sum(int(row[1]) for row in server.query("SHOW BINARY LOGS"))},
    "limits": _rows(_LIMITS),
}


def examine(server: connect.Server, parts: Sequence[str]) -> dict[str, Any]:
    """Part -> its answer; `failed` says why the others have none."""
    found: dict[str, Any] = {"failed": {}}
    for part in parts:
        try:
            found[part] = PARTS[part](server)
        except errors.StatementFailed as error:
            found["failed"][part] = str(error)
    return found
