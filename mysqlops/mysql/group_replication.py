"""Group Replication through SQL: observe it, start it, leave it, switch the primary.

https://dev.mysql.com/doc/refman/9.7/en/group-replication-functions.html and
https://dev.mysql.com/doc/refman/9.7/en/start-group-replication.html
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from mysqlops import errors
from mysqlops.core import applier, form, group_address, view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import accounts, answer, applier_thread, appliers, catching_up, clone, connect

_ROLES = {"PRIMARY": "primary", "SECONDARY": "replica"}
_SERVER = """
SELECT @@server_uuid, @@version, @@global.gtid_executed, @@global.super_read_only, @@global.read_only,
  @@global.offline_mode, @@global.group_replication_group_name, @@global.group_replication_bootstrap_group
"""
_SERVER_FORMS = (
    *(form.name, form.name, form.gtid_set, form.whole, form.whole, form.whole),
    *(form.optional(form.name), form.whole),
)
_MEMBERS = """
SELECT member_id, member_host, member_state, member_role, COALESCE(count_transactions_remote_in_applier_queue, 0),
  COALESCE(view_id, '')
FROM performance_schema.replication_group_members
LEFT JOIN performance_schema.replication_group_member_stats USING (member_id)
WHERE member_id <> '' ORDER BY member_host
"""
_RECEIVED = f"""
SELECT received_transaction_set, channel_name FROM performance_schema.replication_connection_status
WHERE channel_name IN ('group_replication_applier', '{view.CHANNEL}')
"""  # noqa: S608
_RECOVERY_ERROR = """
SELECT COALESCE(MAX(last_error_number), 0) FROM performance_schema.replication_connection_status
WHERE channel_name = 'group_replication_recovery'
"""
_FAILURES = appliers.failures(
    "channel_name, last_error_number, last_error_message, CAST(last_error_timestamp AS CHAR)",
    *("group_replication_applier", "group_replication_recovery", view.CHANNEL),
)
_FAILURE_FORMS = (form.name, form.whole, form.text, form.text)
_UNREADABLE = (13121, 1594)  # ER_REPLICA_RELAY_LOG_READ_FAILURE, of later servers and of 8.0.27
_CHANNEL = "group_replication_applier"
_APPLIER = f"REPLICA SQL_THREAD FOR CHANNEL '{_CHANNEL}'"
_APPLIES = """
SELECT 1 FROM performance_schema.replication_applier_status
WHERE channel_name = 'group_replication_applier' AND service_state = 'ON'
"""
_START_SECONDS = 120.0  # joining waits for the group's view; the server itself gives up earlier
_IDLE_SECONDS = 15  # between two statements, of which the later rests on what was seen before
_ALREADY_STOPPED = {3093}
# Single-primary groups no longer need the keys of a transaction's rows once it is certified. By default each member
# keeps those of the last minute, 90 bytes per row: a bulk load got three members of 1Gi OOM-killed (docs/adr/0010). A
# member whose setting differs from its group's is refused, and logs that in its error log.
_FORGETS = "group_replication_preemptive_garbage_collection"
_REFUSED_FOR_IT = """
SELECT data FROM performance_schema.error_log WHERE error_code = 'MY-015124' ORDER BY logged DESC LIMIT 1
"""
_COMPLAINTS = """
SELECT data FROM performance_schema.error_log
WHERE subsystem = 'Repl' AND prio = 'Error' AND logged >= %s ORDER BY logged LIMIT 1
"""
_REPORTED = re.compile(r"^.*reported: '(.*)'$", re.DOTALL)
_REASON_LENGTH = 300
_PORT = 3306  # group traffic shares it with clients: the MYSQL communication stack

_LEADS = """
SELECT 1 FROM performance_schema.replication_group_members
WHERE member_id = @@server_uuid AND member_state = 'ONLINE' AND member_role = 'PRIMARY'
"""


def observe(server: connect.Server) -> view.ServerView:
    """The server's view of itself and of its group, within a few milliseconds."""
    own_row = answer.row(server, _SERVER, *_SERVER_FORMS)
    uuid, version, executed, super_read_only, read_only, offline, group_name, bootstraps = own_row
    rows = answer.rows(server, _MEMBERS, form.name, form.name, form.name, form.name, form.whole, form.name)
    members = tuple(
        view.GroupMember(member_id, host, state, _ROLES.get(role, "none"), queue)
        for member_id, host, state, role, queue, _ in rows
    )
    own = next((member for member in members if member.server_uuid == uuid), None)
    received = answer.rows(server, _RECEIVED, form.gtid_set, form.name)
    is_recovering = own is not None and own.state == view.RECOVERING
    is_outside = own is None or own.state == view.OFFLINE
    failures = [] if own is not None and own.state == view.ONLINE else answer.rows(server, _FAILURES, *_FAILURE_FORMS)
    return view.ServerView(
        server_uuid=uuid,
        version=version,
        executed=executed,
        received=reduce(GtidSet.union, (one for one, _ in received), GtidSet()),
        writable=not super_read_only,
        read_only=bool(read_only),
        offline_mode=bool(offline),
        state=own.state if own else view.OFFLINE,
        view_id=next((row[5] for row in rows if row[0] == uuid), ""),
        group_name=group_name or "",
        has_channel=any(channel == view.CHANNEL for _, channel in received),
        bootstraps=bool(bootstraps),
        behind=own.queue if own else 0,
        members=members,
        clone=clone.running(server) if is_recovering or is_outside else None,
        unreadable_at=_unreadable_at(failures) if is_outside else "",
        failure=_failure(failures),
        recovery_error=answer.row(server, _RECOVERY_ERROR, form.whole)[0] if is_recovering else 0,
    )


def _unreadable_at(failures: Sequence[connect.Row]) -> str:
    times = [at for channel, number, _, at in failures if number in _UNREADABLE and channel.endswith("_applier")]
    return max(times, default="")


def _failure(failures: Sequence[connect.Row]) -> applier.Failure | None:
    for _, number, message, at in failures:
        if number not in _UNREADABLE:
            return applier.Failure(number, at, applier.describe(number, message))
    return None


def start(
    server: connect.Server,
    login: connect.Login,
    *,
    group_name: str,
    seeds: Sequence[str],
    bootstrap: bool,
    permit: Callable[[], None] = lambda: None,
) -> None:
    """Join the group, or form it. Waits until the server has joined; raises StatementFailed if it could not, StepFailed
    if what a channel received must be applied first.

    The caller may die between any two statements. An earlier one may have left group_replication_bootstrap_group on, so
    it is turned off first, also for a join. A newly formed group refuses clients (offline_mode) until accept_clients is
    called. START is sent only once `permit` returns, and soon after: whoever is paused finds its session closed.
    """
    connect.set_read_timeout(server, _START_SECONDS)
    name_group(server, group_name)  # before anything that would disturb an earlier START
    clear_bootstrap(server)
    stop_applier(server)
    catching_up.remove_applied(server)  # a member whose channel runs is refused
    _forget_certified(server, bootstrap)
    server.query("SET GLOBAL group_replication_group_seeds = %s", [",".join(f"{host}:{_PORT}" for host in seeds)])
    command = (
        f"START GROUP_REPLICATION USER = {accounts.quote(login.user)}, PASSWORD = {accounts.quote(login.password)}"
    )
    if bootstrap:
        block_clients(server)
    began = server.scalar("SELECT NOW(6)")
    soon_or_never(server)
    permit()
    if not bootstrap:
        _execute(server, command, "START GROUP_REPLICATION", began)
        return
    server.query("SET GLOBAL group_replication_bootstrap_group = ON")
    try:
        _execute(server, command, "START GROUP_REPLICATION (forming the group)", began)
    finally:
        with contextlib.suppress(errors.ConnectFailed):
            clear_bootstrap(server)


def name_group(server: connect.Server, group_name: str) -> None:
    """Set the name for the next START. Raises StatementFailed in a group, and while a START or STOP is on its way: an
    agent that died may have sent one, and until it has ended nobody knows whether the member will be in a group."""
    server.query("SET GLOBAL group_replication_group_name = %s", [group_name])


def respell_address(server: connect.Server) -> None:
    """Before `start`, and only if no member counts a previous incarnation of this one: the group itself would only
    recognise that by the same address (core/group_address.py). After `name_group`: the server lets the address change
    during an earlier START, which goes on with the other one."""
    address, now = server.scalar("SELECT @@global.group_replication_local_address"), server.scalar("SELECT NOW(6)")
    server.query("SET GLOBAL group_replication_local_address = %s", [group_address.respell(address, now.microsecond)])


def soon_or_never(server: connect.Server) -> None:
    """From here on, whoever is paused between two statements finds its session closed by the server."""
    server.query(f"SET SESSION wait_timeout = {_IDLE_SECONDS}")


def clear_bootstrap(server: connect.Server) -> None:
    """If it stayed on, the next start would form a second group of the same name, intended or not."""
    server.query("SET GLOBAL group_replication_bootstrap_group = OFF")


def _execute(server: connect.Server, command: str, what: str, began: Any) -> None:
    """The statement itself only reports that it failed; the first error in the log since `began` says why."""
    try:
        server.execute_secret(command, what)
    except errors.StatementFailed as error:
        rows = server.query(_COMPLAINTS, [began])
        text = _REPORTED.sub(r"\1", str(rows[0][0])) if rows else "its error log gives no reason"
        text = applier.without_values(text)[:_REASON_LENGTH]
        raise errors.StatementFailed(f"{error}: {text}", errno=error.errno, hint=error.hint) from None


def _forget_certified(server: connect.Server, bootstrap: bool) -> None:
    """Set this as a new group has it, or as the group that refused this member: older agents' groups have it off."""
    if not server.query(f"SHOW GLOBAL VARIABLES LIKE '{_FORGETS}'"):
        return  # older than 8.4
    refused = [] if bootstrap else server.query(_REFUSED_FOR_IT)
    group_does_not = bool(refused) and "the group '0'" in str(refused[0][0])
    server.query(f"SET GLOBAL {_FORGETS} = {'OFF' if group_does_not else 'ON'}")


def stop(server: connect.Server) -> None:
    """Leave the group, read-only from then on; no error if the server is not in a group.

    STOP itself refuses writes first. A statement of our own before it might wait for somebody's lock, outlive an agent
    that is killed meanwhile, and leave a primary read-only that nobody stops any more.
    https://dev.mysql.com/doc/refman/9.7/en/stop-group-replication.html
    """
    connect.set_read_timeout(server, _START_SECONDS)
    try:
        server.query("STOP GROUP_REPLICATION")
    except errors.StatementFailed as error:
        if error.errno not in _ALREADY_STOPPED:
            raise
    refuse_writes(server)


def drop_received(server: connect.Server) -> None:
    """Delete the relay log of the group's channel, applied or not; the server refuses this while it is in a group."""
    server.query("RESET REPLICA FOR CHANNEL 'group_replication_applier'")


def start_applier(server: connect.Server) -> None:
    """Apply what was received, outside the group; the server refuses this while it is in a group."""
    server.query(f"START {_APPLIER}")


def stop_applier(server: connect.Server) -> None:
    """START GROUP_REPLICATION must start the applier itself; no error if none is running."""
    applier_thread.end_if_it_waits_in_vain(server, _CHANNEL)
    with contextlib.suppress(errors.StatementFailed):
        server.query(f"STOP {_APPLIER}")


def applies(server: connect.Server) -> bool:
    """False once the applier has stopped, because everything is applied or after a failure."""
    return bool(server.query(_APPLIES))


def refuse_writes(server: connect.Server) -> None:
    """Required on a server outside a group: no other member would ever see its writes."""
    server.query("SET GLOBAL super_read_only = ON")


def refuse_writes_unless_primary(server: connect.Server) -> None:
    """The same for whoever decided some time ago: a member that has been elected since accepts writes again, because
    nobody else would let it."""
    refuse_writes(server)
    if server.query(_LEADS):
        allow_writes(server)


def allow_writes(server: connect.Server) -> None:
    """Required on a primary."""
    server.query("SET GLOBAL read_only = OFF")


def set_as_primary(server: connect.Server, server_uuid: str, *, transactions_seconds: int) -> None:
    """Switch the primary; the server rolls back transactions that are still open after the limit."""
    connect.set_read_timeout(server, transactions_seconds + 30.0)
    server.query("SELECT group_replication_set_as_primary(%s, %s)", [server_uuid, transactions_seconds])


def block_clients(server: connect.Server) -> None:
    """Disconnect all clients and admit none; the group keeps running. Accounts with CONNECTION_ADMIN can connect."""
    server.query("SET GLOBAL offline_mode = ON")


def accept_clients(server: connect.Server) -> None:
    """Undo `block_clients` or, once the member is back in its group, `exit_state_action = OFFLINE_MODE`."""
    server.query("SET GLOBAL offline_mode = OFF")
