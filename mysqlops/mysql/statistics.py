"""What a server counts, as samples of core.metrics: three statements, each stopped by the server after a second.

https://dev.mysql.com/doc/refman/9.7/en/server-status-variables.html and
https://dev.mysql.com/doc/refman/9.7/en/performance-schema-replication-group-member-stats-table.html
"""

from __future__ import annotations

from mysqlops.core.metrics import Sample
from mysqlops.mysql import accounts, connect

SECONDS = 2.0  # the caller's limit of each answer
_LIMIT = "/*+ MAX_EXECUTION_TIME(1000) */"
# Variable of the server, metric, and where several share one: label and value. performance_schema has no Com_…, but
# counts statements by event, and of these also failed ones and warnings: at every size of a server, other than errors
# by number (_ERRORS), which a small one does not count.
_VARIABLES = """
threads_connected connections
max_connections connections_limit
max_used_connections connections_peak
connection_errors_max_connections connections_refused_total
connection_errors_accept connection_errors_total error accept
connection_errors_internal connection_errors_total error internal
connection_errors_peer_address connection_errors_total error peer_address
connection_errors_select connection_errors_total error select
aborted_clients aborted_clients_total
aborted_connects aborted_connects_total
threads_running threads_running
questions queries_total
slow_queries slow_queries_total
statement_errors statement_errors_total
statement_warnings statement_warnings_total
com_select commands_total command select
com_insert commands_total command insert
com_update commands_total command update
com_delete commands_total command delete
com_replace commands_total command replace
com_commit commands_total command commit
com_rollback commands_total command rollback
bytes_received received_bytes_total
bytes_sent sent_bytes_total
uptime server_uptime_seconds
innodb_buffer_pool_size innodb_buffer_pool_size_bytes
innodb_buffer_pool_bytes_data innodb_buffer_pool_data_bytes
innodb_buffer_pool_bytes_dirty innodb_buffer_pool_dirty_bytes
innodb_buffer_pool_read_requests innodb_buffer_pool_requests_total
innodb_buffer_pool_reads innodb_buffer_pool_disk_reads_total
innodb_rows_read innodb_rows_total operation read
innodb_rows_inserted innodb_rows_total operation insert
innodb_rows_updated innodb_rows_total operation update
innodb_rows_deleted innodb_rows_total operation delete
innodb_row_lock_waits innodb_row_lock_waits_total
innodb_row_lock_time innodb_row_lock_wait_seconds_total
innodb_row_lock_current_waits innodb_row_lock_waiting
innodb_data_fsyncs innodb_fsyncs_total
innodb_os_log_written innodb_redo_written_bytes_total
innodb_log_waits innodb_redo_waits_total
trx_rseg_history_len innodb_history_length
group_replication_flow_control_certifier_threshold flow_control_threshold_transactions queue certifier
group_replication_flow_control_applier_threshold flow_control_threshold_transactions queue applier
gr_flow_control_throttle_active_count flow_control_throttled_sessions
gr_flow_control_throttle_count flow_control_throttled_total
gr_flow_control_throttle_time_sum flow_control_throttle_seconds_total
"""
_METRICS = {name: about for name, *about in (line.split() for line in _VARIABLES.strip().splitlines())}
_PARTS = {"innodb_row_lock_time": 1e3, "gr_flow_control_throttle_time_sum": 1e6}  # of a second
_NAMES = ", ".join(map(accounts.quote, _METRICS))
_COUNTED = f"""
SELECT {_LIMIT} LOWER(variable_name), variable_value FROM performance_schema.global_status
WHERE variable_name IN ({_NAMES})
UNION ALL SELECT LOWER(variable_name), variable_value FROM performance_schema.global_variables
WHERE variable_name IN ({_NAMES})
UNION ALL SELECT REPLACE(event_name, 'statement/sql/', 'com_'), CAST(count_star AS CHAR)
FROM performance_schema.events_statements_summary_global_by_event_name
WHERE REPLACE(event_name, 'statement/sql/', 'com_') IN ({_NAMES})
UNION ALL SELECT 'statement_errors', CAST(SUM(sum_errors) AS CHAR)
FROM performance_schema.events_statements_summary_global_by_event_name
UNION ALL SELECT 'statement_warnings', CAST(SUM(sum_warnings) AS CHAR)
FROM performance_schema.events_statements_summary_global_by_event_name
UNION ALL SELECT name, CAST(count AS CHAR) FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'
"""  # noqa: S608
# An idle worker's transaction has the year 0. While transactions wait and none is applied, the last applied one counts.
_GROUP = f"""
SELECT {_LIMIT} count_transactions_in_queue, count_transactions_rows_validating, count_transactions_checked,
  count_conflicts_detected, count_transactions_remote_applied, count_transactions_local_proposed,
  count_transactions_local_rollback, GREATEST(0, COALESCE(TIMESTAMPDIFF(MICROSECOND, COALESCE(applying,
    IF(count_transactions_remote_in_applier_queue > 0, applied, NULL)), NOW(6)), 0)) / 1000000
FROM performance_schema.replication_group_member_stats JOIN (
  SELECT MIN(IF(applying_transaction_original_commit_timestamp > '2000-01-01',
      applying_transaction_original_commit_timestamp, NULL)) AS applying,
    MAX(IF(last_applied_transaction_original_commit_timestamp > '2000-01-01',
      last_applied_transaction_original_commit_timestamp, NULL)) AS applied
  FROM performance_schema.replication_applier_status_by_worker
  WHERE channel_name IN ('group_replication_applier', 'group_replication_recovery')) AS workers
WHERE member_id = @@server_uuid
"""  # noqa: S608
_OF_GROUP = (
    *("certification_queue_transactions", "certification_rows", "certified_total", "conflicts_total"),
    *("remote_applied_total", "local_proposed_total", "local_rolled_back_total", "lag_seconds"),
)
_NAMED = {
    1040: "ER_CON_COUNT_ERROR",
    1045: "ER_ACCESS_DENIED_ERROR",
    1153: "ER_NET_PACKET_TOO_LARGE",
    1205: "ER_LOCK_WAIT_TIMEOUT",
    1213: "ER_LOCK_DEADLOCK",
    1290: "ER_OPTION_PREVENTS_STATEMENT",
    3101: "ER_TRANSACTION_ROLLBACK_DURING_COMMIT",
}
_ERRORS = f"""
SELECT {_LIMIT} IF(error_number IN {(*_NAMED,)}, error_number, 0), SUM(sum_error_raised)
FROM performance_schema.events_errors_summary_global_by_error
WHERE sum_error_raised > 0 AND error_name IS NOT NULL GROUP BY 1
"""  # noqa: S608


def read(server: connect.Server) -> list[Sample]:
    """Raises MysqlError. What this server does not count is left out. Names are ours, and each is there once: whoever
    answers must not choose how many series there are."""
    found = list[Sample]()
    counted = {str(name): value for name, value in server.query(_COUNTED)}
    for name, (metric, *label) in _METRICS.items():
        if counted.get(name) is not None:  # a sum over no rows is NULL
            labels = {label[0]: label[1]} if label else {}
            found.append(Sample(metric, float(counted[name]) / _PARTS.get(name, 1.0), labels))
    for row in server.query(_GROUP)[:1]:
        found += [Sample(name, float(value)) for name, value in zip(_OF_GROUP, row, strict=True) if value is not None]
    raised = dict[str, float]()
    for number, count in server.query(_ERRORS):
        name = _NAMED.get(number, "other")
        raised[name] = raised.get(name, 0.0) + float(count)
    return found + [Sample("errors_total", count, {"error": name}) for name, count in raised.items()]
