"""An ordinary replica's channel, by which a member catches up before it joins its group; none exists while it is in it.

The channel receives what a member of the group has executed, by GTIDs, over TLS that verifies the member's name. Its
password is in memory only: START REPLICA has it, and neither the server's tables nor its log do. A server that starts
again starts no channel (skip_replica_start).
https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-auto-positioning.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from mysqlops import errors
from mysqlops.core import applier, form, names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import accounts, answer, applier_thread, appliers, connect

_FOR = f"FOR CHANNEL '{view.CHANNEL}'"
_HEARTBEAT_SECONDS = 2
# How long a caller must let statements take: a stop finishes the transactions that have begun, and may wait a minute
# for the rest of one (applier_thread.py).
STOP_SECONDS = 90.0
_NO_CHANNEL = 3074  # ER_REPLICA_CHANNEL_DOES_NOT_EXIST
# A replica leaves out, without an error, what carries its own server_id. So it would miss what this member wrote as
# primary and lost in a crash after the group had it; applied last, by the group, that would overwrite newer rows. While
# the channel may receive or apply, the server has an id that no member writes under; its own is the remainder
# (start.sh: 100 and more).
# https://dev.mysql.com/doc/refman/9.7/en/replication-options-replica.html#option_mysqld_replicate-same-server-id
_APART = 10_000
_OWN_ID = f"SET GLOBAL server_id = @@global.server_id % {_APART}"
_OTHER_ID = f"{_OWN_ID} + {_APART}"
# The replication account may read variables, not the group's tables. A member that lost its group is in offline mode.
_SOURCE = "SELECT @@server_uuid, @@global.gtid_executed, @@global.gtid_purged, @@global.offline_mode"
_STATE = f"""
SELECT c.source_uuid, c.last_error_number, c.last_error_message, c.received_transaction_set, @@global.gtid_executed,
  a.service_state = 'ON' FROM performance_schema.replication_connection_status c
JOIN performance_schema.replication_applier_status a USING (channel_name) WHERE c.channel_name = '{view.CHANNEL}'
"""  # noqa: S608
_FAILED = appliers.failures("last_error_number, last_error_message", view.CHANNEL)

# A new channel gets those that somebody set for all; the group's own channels ignore them.
_FILTERS = f"""
SELECT DISTINCT filter_name FROM performance_schema.replication_applier_filters WHERE channel_name = '{view.CHANNEL}'
"""  # noqa: S608


@dataclass(frozen=True)
class Source:
    """What a member of the group reports of itself."""

    server_uuid: str
    executed: GtidSet
    purged: GtidSet
    serves: bool


@dataclass(frozen=True)
class State:
    """The channel. `source` is empty until it has connected. `unreceived` and `unapplied` say why it does not receive
    or apply any more; both are empty if it works, or if somebody stopped it."""

    source: str
    received: GtidSet
    executed: GtidSet
    unreceived: str
    unapplied: str

    def trouble(self) -> str:
        return self.unapplied or self.unreceived

    def left(self) -> GtidSet:
        """What was received and is still to be applied."""
        return self.received.subtract(self.executed)


def ask(source: connect.Server) -> Source:
    """Over a connection to that member."""
    uuid, executed, purged, offline = answer.row(source, _SOURCE, form.name, form.gtid_set, form.gtid_set, form.whole)
    return Source(uuid, executed, purged, not offline)


def begin(server: connect.Server, host: str, login: connect.Login, ca_file: str) -> None:
    """Receive and apply what that member has executed. Raises StepFailed if a channel of ours exists (CHANGE would
    delete its relay log), or if transactions would be left out."""
    if state(server) is not None:
        raise errors.StepFailed("a channel exists by now: what it received is applied first")
    server.query(_OTHER_ID)
    server.query(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %s, SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 1, "
        "SOURCE_SSL_CA = %s, SOURCE_SSL_VERIFY_SERVER_CERT = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 1, "
        f"SOURCE_HEARTBEAT_PERIOD = %s {_FOR}",
        [host, names.PORT_MYSQL, ca_file, _HEARTBEAT_SECONDS],
    )
    if filters := server.query(_FILTERS):
        remove(server)
        text = ", ".join(str(name) for (name,) in filters)
        raise errors.StepFailed(f"somebody set replication filters, which would hide transactions from it: {text}")
    start = f"START REPLICA USER = {accounts.quote(login.user)} PASSWORD = {accounts.quote(login.password)} {_FOR}"
    server.execute_secret(start, f"START REPLICA {_FOR}")


def state(server: connect.Server) -> State | None:
    """None without a channel."""
    rows = answer.rows(server, _STATE, form.name, form.whole, form.text, form.gtid_set, form.gtid_set, form.whole)
    if not rows:
        return None
    source, number, message, received, executed, applies = rows[0]
    unreceived = f"error {number}: {applier.without_values(message)}" if number else ""
    return State(source, received, executed, unreceived, "" if applies else _failure(server))


def _failure(server: connect.Server) -> str:
    rows = answer.rows(server, _FAILED, form.whole, form.text)
    return applier.describe(*rows[0]) if rows else ""


def stop_receiving(server: connect.Server) -> None:
    _quietly(server, f"STOP REPLICA IO_THREAD {_FOR}")


def start_applying(server: connect.Server) -> None:
    """Apply what was received; no error if it is being applied. The server may have started again since `begin`."""
    server.query(_OTHER_ID)
    _quietly(server, f"START REPLICA SQL_THREAD {_FOR}")


def executed(server: connect.Server) -> GtidSet:
    (found,) = answer.row(server, "SELECT @@global.gtid_executed", form.gtid_set)
    return cast("GtidSet", found)


def stop(server: connect.Server) -> None:
    applier_thread.end_if_it_waits_in_vain(server, view.CHANNEL)
    _quietly(server, f"STOP REPLICA {_FOR}")


def remove(server: connect.Server) -> None:
    """Stop the channel and delete it with its relay log; no error if there is none. The server has its own id again."""
    stop(server)
    _quietly(server, f"RESET REPLICA ALL {_FOR}")
    server.query(_OWN_ID)


def remove_applied(server: connect.Server) -> None:
    """The same; raises StepFailed if something is left to apply, which may exist nowhere else."""
    stop(server)
    found = state(server)
    if found is not None and (left := found.left()):
        raise errors.StepFailed(f"channel {view.CHANNEL} has received {left}, which is applied first")
    remove(server)


def _quietly(server: connect.Server, statement: str) -> None:
    try:
        server.query(statement)
    except errors.StatementFailed as error:
        if error.errno != _NO_CHANNEL:
            raise
