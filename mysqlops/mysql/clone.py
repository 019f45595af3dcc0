"""Clone a donor's data, and report the progress, on the receiving server (manual: clone-plugin-monitoring)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.clock import Clock, Signal, beside
from mysqlops.core import names, view
from mysqlops.mysql import accounts, connect

_STOPPED_AND_NOT_RESTARTED = 3707  # it is not a child of mysqld_safe or systemd
_CLONE_SECONDS = 7 * 86400.0

_RUNNING = """
SELECT p.stage, COALESCE(p.data, 0), COALESCE(p.estimate, 0)
FROM performance_schema.clone_status s JOIN performance_schema.clone_progress p USING (id)
WHERE s.state = 'In Progress' AND p.state = 'In Progress'
"""


def running(server: connect.Server) -> view.Clone | None:
    """The running clone, or None; a server without the plugin has none."""
    try:
        rows = server.query(_RUNNING)
    except errors.StatementFailed:
        return None
    return view.Clone(str(rows[0][0]), int(rows[0][1]), int(rows[0][2])) if rows else None


@dataclass(frozen=True)
class Finished:
    """The last clone on this server: its GTID set, and the donor's binary log position."""

    gtid: str
    binlog: str


def take(server: connect.Server, host: str, login: connect.Login) -> None:
    """Replace this server's data with the donor's; the server then stops. Raises StepFailed with the reason.

    https://dev.mysql.com/doc/refman/9.7/en/clone-plugin-remote.html
    """
    server.query("SET GLOBAL clone_valid_donor_list = %s", [f"{host}:{names.PORT_MYSQL}"])
    connect.set_read_timeout(server, _CLONE_SECONDS)
    statement = (
        f"CLONE INSTANCE FROM {accounts.quote(login.user)}@{accounts.quote(host)}:{names.PORT_MYSQL} "
        f"IDENTIFIED BY {accounts.quote(login.password)} REQUIRE SSL"
    )
    try:
        server.execute_secret(statement, f"CLONE INSTANCE FROM {host}")
    except errors.ConnectFailed:
        return  # it stopped; finished() checks whether the clone completed
    except errors.StatementFailed as error:
        if error.errno == _STOPPED_AND_NOT_RESTARTED:
            return
        # The error of a statement with a password has no details; the server keeps them in a table.
        if why := _failure(server):
            raise errors.StepFailed(f"cloning {host} failed: {why}") from error
        raise


def _failure(server: connect.Server) -> str:
    """Why the last clone failed, in the server's words; empty if it does not say."""
    rows = server.query("SELECT error_no, error_message FROM performance_schema.clone_status WHERE error_no <> 0")
    return f"error {rows[0][0]}: {rows[0][1]}" if rows else ""


def finished(server: connect.Server) -> Finished:
    """The clone's result, after the next start; raises StepFailed if it did not complete."""
    rows = server.query(
        "SELECT state, error_no, error_message, gtid_executed, binlog_file, binlog_position "
        "FROM performance_schema.clone_status"
    )
    if not rows or rows[0][0] != "Completed":
        why = f"error {rows[0][1]}: {rows[0][2]}" if rows else "it never started"
        raise errors.StepFailed(f"the clone did not complete: {why}")
    _, _, _, gtid, file, position = rows[0]
    return Finished(str(gtid).replace("\n", ""), f"{file}:{position}")


def watched(server: connect.Server, clock: Clock, say: Callable[[str], None]) -> AbstractContextManager[None]:
    """Report the progress of a clone once a second, over that connection, which nothing else may use meanwhile."""

    def report(over: Signal) -> None:
        started = clock.monotonic()
        while not over.wait(1.0):
            try:
                now = running(server)
            except errors.MysqlError:
                return  # restarting
            if now is not None and now.size:
                seconds = clock.monotonic() - started
                # In restic's format, so that one reader understands both.
                facts = {"bytes_done": now.copied, "total_bytes": now.size, "seconds_elapsed": seconds}
                say(json.dumps(facts))

    return beside(clock, "watch", report)
