"""The metrics that an agent may report, and their text. What is unknown is left out: a 0 would be a claim.

https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

PREFIX = "mysqlops_"
_UNITS = ("seconds", "bytes", "transactions")
# Name and help, one a line. A counter's name ends with _total, HISTOGRAMS are named below, anything else is a gauge;
# the last word of a name is its unit. docs/reference/metrics.md is made from this.
_TABLE = """
agent_info Versions of the agent and its server
agent_memory_bytes Resident memory of the agent
agent_api_requests_total Requests of the agent to the API server, by HTTP method
agent_metrics_requests_total Those of them that are made for /metrics after a scrape
member_state 1 for the member's Group Replication state, 0 for the others
member_role 1 for the member's role, 0 for the others
member_online 1 if the member is ONLINE with a majority and serves
member_primary 1 if the member is the primary
member_writable 1 if the server accepts writes
member_read_only 1 if clients without administrative rights cannot write
group_members Members in this member's view of the group, in any state
group_online_members Members that this member sees ONLINE
join_attempts Attempts to copy, join or form since the member was last in the group
view_changes_total Changes of the group's view since the agent started
promotions_total Times that the member became primary since the agent started
promotion_last_timestamp_seconds When the member last became primary
promotion_duration_seconds From the last look at a replica to the first at a primary that accepts writes
label_moves_total Changes of the pod's role label after a change of role
label_move_duration_seconds From seeing a change of role to the changed label
label_move_last_duration_seconds From seeing the last change of role to the changed label
switchovers_total Switchovers away from this member since its pod started
switchover_duration_seconds How long changes of roles took
switchover_last_duration_seconds How long the last one's change of roles took
switchover_last_timestamp_seconds When the last one ended
container_restarts_total Restarts of a container of this pod
container_last_exit_info How a container last ended
apply_queue_transactions Received transactions that wait to be applied
certification_queue_transactions Transactions that wait for certification
gtid_gap_transactions Transactions received and not executed, by GTID
lag_seconds Age of the oldest transaction being applied, by the clocks of two nodes
certification_rows Rows that certification remembers
certified_total Transactions checked for conflicts
conflicts_total Transactions that certification refused
remote_applied_total Transactions of other members that were applied
local_proposed_total Transactions that this member proposed
local_rolled_back_total Transactions of this member that were rolled back after a conflict
flow_control_threshold_transactions Queue length at which flow control throttles writers
flow_control_throttled_sessions Sessions that flow control holds now
flow_control_throttled_total Transactions that flow control held
flow_control_throttle_seconds_total Time for which flow control held transactions
applier_failing 1 if the member cannot apply what the group wrote
clone_copied_bytes Bytes of a donor's data copied so far
clone_size_bytes Bytes to copy in all
connections Open client connections
connections_limit max_connections
connections_peak Highest number of connections since the server started
connections_refused_total Connections refused because of the limit
connection_errors_total Connections that failed before a login for another reason than the limit, by error
aborted_clients_total Connections that were not closed properly
aborted_connects_total Failed attempts to connect
threads_running Sessions that are executing
queries_total Statements of clients
slow_queries_total Statements longer than long_query_time
commands_total Statements by kind
statement_errors_total Statements that failed, within stored programs too
statement_warnings_total Warnings that statements raised
errors_total Errors that statements raised, by name
received_bytes_total Bytes received from clients
sent_bytes_total Bytes sent to clients
server_uptime_seconds Time since mysqld started
innodb_buffer_pool_size_bytes innodb_buffer_pool_size
innodb_buffer_pool_data_bytes Data in the buffer pool
innodb_buffer_pool_dirty_bytes Changed data that is not yet written
innodb_buffer_pool_requests_total Logical reads
innodb_buffer_pool_disk_reads_total Logical reads that needed the disk
innodb_rows_total Rows by operation
innodb_row_lock_waits_total Waits for row locks
innodb_row_lock_wait_seconds_total Time spent in waits for row locks
innodb_row_lock_waiting Row locks being waited for
innodb_fsyncs_total fsync calls of InnoDB
innodb_redo_written_bytes_total Bytes written to the redo log
innodb_redo_waits_total Waits because the log buffer was full
innodb_history_length Undo log entries that wait for purge
volume_size_bytes Size of the member's volume
volume_used_bytes Used bytes of the volume
volume_time_to_full_seconds Time until the volume is full if it grows as since the earliest measurement of the last day
certificate_expiry_timestamp_seconds When the certificate expires
ca_expiry_timestamp_seconds When the CA expires
secrets_refused 1 if the member does not adopt what the Secrets hold
secrets_missing 1 if Secrets or values in them are missing
accounts_differ 1 if an account of mysqlops is wrong and could not be corrected
cluster_replicas Members that the StatefulSet wants
order_open 1 for each order of a command that is open in the group's Lease
member_fenced 1 if a user fenced the member
rotation_open 1 while old passwords are still valid
rollout_open 1 while a rollout is open
rollout_reverting 1 while a rollout is rolled back
rollout_since_timestamp_seconds When the open rollout began
backup_last_success_timestamp_seconds Last success of the schedule, by kind: backup or verify
backup_schedule_timestamp_seconds When the schedule was created
backup_max_age_seconds Age from which the schedule's owner calls it overdue
binlog_shipped_until_timestamp_seconds Time to which stored binary logs reach
binlog_receiver_failing 1 if the receiver of binary logs reports trouble
binlog_gap 1 if no backup can be recovered to the present with the binary logs that are stored
"""
HELP: Mapping[str, str] = {
    name: text for name, _, text in (line.partition(" ") for line in _TABLE.strip().splitlines())
}
HISTOGRAMS = frozenset({"promotion_duration_seconds", "label_move_duration_seconds", "switchover_duration_seconds"})
_PARTS = ("_bucket", "_sum", "_count")


class Sample(NamedTuple):
    """One value; the name is without the prefix."""

    name: str
    value: float
    labels: Mapping[str, str] = {}


def base(name: str) -> str:
    return name.removesuffix("_total")


def unit(name: str) -> str:
    """The unit that a metric's name ends with; empty if it has none."""
    last = base(name).rpartition("_")[2]
    return last if last in _UNITS else ""


def kind(name: str) -> str:
    return "histogram" if name in HISTOGRAMS else "counter" if name.endswith("_total") else "gauge"


def family(name: str) -> str:
    """The metric that a sample belongs to: a histogram's samples have names of their own."""
    for part in _PARTS:
        if name.endswith(part) and name.removesuffix(part) in HISTOGRAMS:
            return name.removesuffix(part)
    return name


def text(samples: Iterable[Sample], labels: Mapping[str, str], *, is_open: bool) -> str:
    """All samples, each with these labels too. OpenMetrics if `is_open`, else Prometheus' older format, for which the
    unit is a comment."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(family(sample.name), []).append(sample)
    lines = list[str]()
    for name, about in HELP.items():
        if name not in found:
            continue
        whole = PREFIX + (base(name) if is_open else name)
        lines += [f"# HELP {whole} {about}", f"# TYPE {whole} {kind(name)}"]
        if unit(name):
            lines.append(f"# UNIT {whole} {unit(name)}")
        lines += [
            f"{PREFIX}{sample.name}{{{_labels({**labels, **sample.labels})}}} {_number(sample.value)}"
            for sample in found[name]
        ]
    return "\n".join([*lines, *(["# EOF"] if is_open else []), ""])


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}" if value < 1e6 else f"{value:.3f}"
