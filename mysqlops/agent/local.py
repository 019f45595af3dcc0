"""The server of a Job's sidecar (manifests/backup/mysqld.sh), reached by its socket; when it ends it leaves a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mysqlops import errors
from mysqlops.clock import Clock
from mysqlops.mysql import connect

_WORK = Path("/work")
_START_SECONDS, _STOP_SECONDS = 600.0, 600.0


def wait_for(clock: Clock, name: str, login: connect.Login) -> connect.Server:
    """The server, which may still be starting; raises StepFailed once it has ended, WaitTimeout."""
    deadline = clock.monotonic() + _START_SECONDS
    while True:
        try:
            return connect.connect_socket(login, path=str(_WORK / f"{name}.sock"), timeout_seconds=30)
        except errors.MysqlError as error:
            if _stopped(name).exists():
                text = f"the server on the copy ended; the log of container {name} says why"
                raise errors.StepFailed(text) from error
            if clock.monotonic() > deadline:
                raise errors.WaitTimeout(f"no server on the copy after {_START_SECONDS:.0f} s: {error}") from error
            clock.sleep(0.2)


def stop(clock: Clock, name: str, server: connect.Server) -> None:
    server.query("SHUTDOWN")
    until(clock, _stopped(name).exists, "stop")


def until(clock: Clock, is_so: Callable[[], bool], what: str, seconds: float = _STOP_SECONDS) -> None:
    """Raises WaitTimeout."""
    deadline = clock.monotonic() + seconds
    while not is_so():
        if clock.monotonic() > deadline:
            raise errors.WaitTimeout(f"the server on the copy did not {what} within {seconds:.0f} s")
        clock.sleep(0.1)


def _stopped(name: str) -> Path:
    return _WORK / f"{name}.stopped"
