"""A server that only receives another server's binary logs, as relay logs on its disk, and one that only applies them.

MySQL's replication does both: positions are GTIDs, so that nothing is received twice or skipped when the primary
changes (https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-auto-positioning.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mysqlops import errors
from mysqlops.core import applier, form, instant, series
from mysqlops.core import receiving as core
from mysqlops.core.gtid import GtidSet
from mysqlops.core.version import ServerVersion
from mysqlops.mysql import accounts, answer, applier_thread, appliers, connect

# The source has purged what the receiver requests: 1236 on the source, 13114 is the receiver's number for it.
PURGED = (1236, 13114)
_HEARTBEAT_SECONDS = 2
_START_SECONDS, _ROTATE_SECONDS = 60.0, 60.0
_STATUS = """
SELECT service_state, source_uuid, received_transaction_set, last_error_number, last_error_message
FROM performance_schema.replication_connection_status WHERE channel_name = ''
"""
# A new primary commits what it received from its predecessor; it cannot list what it has not certified yet.
_SOURCE = """
SELECT @@server_uuid, @@group_replication_group_name, @@global.gtid_executed, @@global.gtid_purged,
  COALESCE((SELECT received_transaction_set FROM performance_schema.replication_connection_status
    WHERE channel_name = 'group_replication_applier'), ''),
  COALESCE((SELECT member_state = 'ONLINE' AND count_transactions_in_queue = 0
    FROM performance_schema.replication_group_members JOIN performance_schema.replication_group_member_stats
    USING (member_id) WHERE member_id = @@server_uuid), 0)
"""
_THREADS = """
SELECT service_state FROM performance_schema.replication_applier_status_by_coordinator WHERE channel_name = ''
UNION ALL
SELECT service_state FROM performance_schema.replication_applier_status_by_worker WHERE channel_name = ''
"""
_FAILED = appliers.failures("last_error_number, last_error_message", "")
_OTHERS = """
SELECT MAX(last_applied_transaction_original_commit_timestamp)
FROM performance_schema.replication_applier_status_by_worker
"""


_KEEPS_UP = 100  # transactions waiting to be applied: a fraction of a second
_APPLIED = """
SELECT (SELECT count_transactions_remote_in_applier_queue FROM performance_schema.replication_group_member_stats
    WHERE member_id = @@server_uuid),
  (SELECT MAX(last_applied_transaction_original_commit_timestamp)
    FROM performance_schema.replication_applier_status_by_worker WHERE channel_name = 'group_replication_applier')
"""


@dataclass(frozen=True)
class Receiving:
    """`source` is the server UUID; `error` 0 if none."""

    is_connected: bool  # or connecting
    source: str
    received: GtidSet
    error: int
    why: str


def source(server: connect.Server) -> core.Source:
    """A primary's report of itself."""
    sets = (form.gtid_set, form.gtid_set, form.gtid_set)
    uuid, group, has, gone, got, is_settled = answer.row(server, _SOURCE, form.name, form.name, *sets, form.whole)
    return core.Source(uuid, group, has, gone, got, bool(is_settled))


def now(server: connect.Server) -> str:
    """The server's clock, which dates its commits; in the notation of the chunks."""
    return _moment(server.scalar("SELECT UTC_TIMESTAMP(6)"))


def committed_until(server: connect.Server) -> str:
    """A time that no transaction committed or recently applied on this member has reached, each by the clock of the
    server that committed it."""
    server.query("SET time_zone = '+00:00'")
    others = server.scalar(_OTHERS)
    return max(now(server), _moment(others))


def applied_until(server: connect.Server) -> str:
    """The commit time of the last transaction that a lagging member has applied (UTC, ISO 8601), else empty."""
    server.query("SET time_zone = '+00:00'")
    queue, at = answer.row(server, _APPLIED, form.optional(form.whole), _commit)
    return instant.text(at) if at and (queue or 0) > _KEEPS_UP else ""


def _commit(_: str, value: Any) -> datetime | None:
    """None for NULL, and for the server's 0000-00-00."""
    return value if isinstance(value, datetime) else None


def _moment(at: object) -> str:
    """A time in UTC as text; empty for the server's 0000-00-00, which means none."""
    return instant.precise(at) if isinstance(at, datetime) else ""


def begin(server: connect.Server, host: str, ca_file: str, before: GtidSet) -> None:
    """Forget everything received, and from then on request only what is not in `before`. The server reconnects at most
    once by itself: the caller decides where to receive from, and whether that has the same history."""
    connect.set_read_timeout(server, _START_SECONDS)
    server.query("STOP REPLICA IO_THREAD")
    server.query("RESET REPLICA ALL")
    server.query(_reset(str(server.scalar("SELECT @@version"))))
    server.query("SET GLOBAL gtid_purged = %s", [str(before)])
    server.query(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = 3306, SOURCE_AUTO_POSITION = 1, "
        "SOURCE_SSL = 1, SOURCE_SSL_CA = %s, SOURCE_SSL_VERIFY_SERVER_CERT = 1, SOURCE_CONNECT_RETRY = 1, "
        "SOURCE_RETRY_COUNT = 1, SOURCE_HEARTBEAT_PERIOD = %s",
        [host, ca_file, _HEARTBEAT_SECONDS],
    )


def _reset(version: str) -> str:
    """The statement's name changed (https://dev.mysql.com/doc/refman/8.4/en/reset-binary-logs-and-gtids.html)."""
    return "RESET BINARY LOGS AND GTIDS" if ServerVersion.parse(version) >= series.RESET_BINARY_LOGS else "RESET MASTER"


def stop(server: connect.Server) -> None:
    """Stop receiving."""
    connect.set_read_timeout(server, _START_SECONDS)
    server.query("STOP REPLICA IO_THREAD")


def connect_to_source(server: connect.Server, login: connect.Login) -> None:
    """Connect again, to the member that the Service routes to now."""
    connect.set_read_timeout(server, _START_SECONDS)
    server.query("STOP REPLICA IO_THREAD")
    start = "START REPLICA IO_THREAD"
    statement = f"{start} USER = {accounts.quote(login.user)} PASSWORD = {accounts.quote(login.password)}"
    server.execute_secret(statement, start)


def receiving(server: connect.Server) -> Receiving:
    rows = server.query(_STATUS)
    if not rows:
        return Receiving(False, "", GtidSet(), 0, "")
    state, uuid, received, error, why = rows[0]
    return Receiving(state in ("ON", "CONNECTING"), str(uuid), GtidSet.parse(received), int(error), str(why))


def rotate(server: connect.Server) -> None:
    """Close the current relay log; everything received so far is then in complete files."""
    connect.set_read_timeout(server, _ROTATE_SECONDS)
    server.query("FLUSH RELAY LOGS")


def apply(server: connect.Server, first: str, before: str | None) -> None:
    """Start applying the relay logs from that file on, up to the transaction `before`, or to the end."""
    server.query(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'nowhere', RELAY_LOG_FILE = %s, RELAY_LOG_POS = 4", [first]
    )
    if before is None:
        server.query("START REPLICA SQL_THREAD")
    else:
        server.query("START REPLICA SQL_THREAD UNTIL SQL_BEFORE_GTIDS = %s", [before])


def applied(server: connect.Server) -> tuple[GtidSet, bool]:
    """What the server has applied, and whether it is still applying; raises StepFailed if it stopped early."""
    executed = GtidSet.parse(str(server.scalar("SELECT @@global.gtid_executed")))
    threads = server.query(_THREADS)
    if failed := server.query(_FAILED):
        number, said = failed[0]
        why = applier.describe(int(number), str(said))  # the Job's log and the user's terminal get no values of rows
        raise errors.StepFailed(f"a transaction of the binary logs cannot be applied: {why}")
    return executed, any(state == "ON" for (state,) in threads)


def forget(server: connect.Server) -> None:
    """Remove all replication configuration."""
    connect.set_read_timeout(server, _START_SECONDS)
    applier_thread.end_if_it_waits_in_vain(server, "")  # the last file may end where a connection did
    server.query("STOP REPLICA")
    server.query("RESET REPLICA ALL")
