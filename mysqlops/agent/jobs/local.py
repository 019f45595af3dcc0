"""The server in a Job's sidecar (manifests/backup/mysqld.sh), reached by its socket; it leaves a file when it ends."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mysqlops import errors
from mysqlops.clock import Clock
from mysqlops.core import quantity
from mysqlops.mysql import connect

T = TypeVar("T")
_WORK, _SCRATCH = Path("/work"), Path("/scratch")
_ROOM_BYTES = 16 << 20
APPLYING = _SCRATCH / "copy" / "applying"  # exists once binary logs are being applied to the data
# A server that upgrades its data, or recovers it, answers nobody until it is done; one that ended is noticed at once.
_START_SECONDS, _STOP_SECONDS, _CRASH_SECONDS = 7200.0, 600.0, 10.0


def wait_for(clock: Clock, name: str, login: connect.Login) -> connect.Server:
    """The server, which may still be starting; raises StepFailed once it has ended, WaitTimeout."""
    deadline = clock.monotonic() + _START_SECONDS
    while True:
        try:
            return connect.connect_socket(login, path=str(_WORK / f"{name}.sock"), timeout_seconds=30)
        except errors.MysqlError as error:
            if _stopped(name).exists():
                raise errors.StepFailed(f"the server on the copy ended: {_last_words(name)}") from error
            if clock.monotonic() > deadline:
                raise errors.WaitTimeout(f"no server on the copy after {_START_SECONDS:.0f} s: {error}") from error
            clock.sleep(0.2)


def stop(clock: Clock, name: str, server: connect.Server) -> None:
    server.query("SHUTDOWN")
    until(clock, _stopped(name).exists, "stop")


def until(clock: Clock, is_so: Callable[[], bool], what: str, seconds: float = _STOP_SECONDS) -> None:
    """Wait for a condition; raises WaitTimeout."""
    deadline = clock.monotonic() + seconds
    while not is_so():
        if clock.monotonic() > deadline:
            raise errors.WaitTimeout(f"the server on the copy did not {what} within {seconds:.0f} s")
        clock.sleep(0.1)


def flush(folder: Path) -> None:
    """Wait until a folder's file system is on its disk; raises StepFailed. A sync of all would wait for whatever the
    node's other pods have written, too, and report no error."""
    try:
        import ctypes  # not in every build of Python

        write = ctypes.CDLL(None, use_errno=True).syncfs
    except (ImportError, AttributeError):
        os.sync()
        return
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if write(opened):
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
        finally:
            os.close(opened)
    except OSError as error:
        raise errors.StepFailed(f"the volume of {folder} was not written to its disk: {error}") from error


def explained(program: Callable[[T], None], job: T) -> None:
    """Run a Job's program; if its volume is full, that is reported as the cause of any failure."""
    try:
        program(job)
    except errors.MysqlopsError as error:
        if not _is_full():
            raise
        found = os.statvfs(_SCRATCH)
        size = quantity.format_bytes(found.f_blocks * found.f_frsize)
        raise errors.StepFailed(f"the scratch volume of {size} is full: {error}") from error


# Exit statuses of a program that was ended from outside or killed for its memory: they say nothing about the data.
_ENDED_FROM_OUTSIDE = ("", "0", "129", "130", "137", "143")
# Nor do errors of a server or a client that has no memory, room, thread or connection, or was interrupted.
_OF_SURROUNDINGS = frozenset(
    (1021, 1037, 1038, 1041, 1053, 1114, 1135, 1317, 1927, 2002, 2003, 2006, 2008, 2013, 3024, 4031)
)


def blames(*, is_refused: bool, ended: str, is_full: bool) -> bool:
    """Whether a failed verification shows that the backup is bad: the server refused to read it, or crashed on it with
    the exit status `ended`, and the volume was not full."""
    return not is_full and (is_refused or ended not in _ENDED_FROM_OUTSIDE)


def blames_data(clock: Clock, name: str, error: errors.MysqlopsError) -> bool:
    """Whether a check that failed with this error shows that the checked data is bad."""
    ended, is_refused = "", isinstance(error, errors.StatementFailed) and error.errno not in _OF_SURROUNDINGS
    if not is_refused:
        with contextlib.suppress(errors.WaitTimeout):  # a server that crashes leaves its status a moment later
            until(clock, _stopped(name).exists, "end", seconds=_CRASH_SECONDS)
            ended = _stopped(name).read_text().strip()
    if ended == "1" and is_of_surroundings(_load_log()):
        ended = ""
    return blames(is_refused=is_refused, ended=ended, is_full=_is_full())


def must_blame_data(clock: Clock, name: str, error: errors.MysqlopsError, backup_id: str) -> None:
    """Raises StepFailed if a check that failed with this error says nothing about the backup: then nothing is
    recorded, since a backup that is recorded as bad is pruned."""
    if not blames_data(clock, name, error):
        text = f"the check of {backup_id} did not end, which says nothing about the backup: {error}"
        raise errors.StepFailed(text) from error


def is_of_surroundings(message: str) -> bool:
    """Whether a client's messages name only errors that a good dump can end in."""
    numbers = [int(number) for number in re.findall(r"ERROR (\d{4})\b", message)]
    return bool(numbers) and _OF_SURROUNDINGS.issuperset(numbers)


def _is_full() -> bool:
    found = os.statvfs(_SCRATCH)
    return found.f_bavail * found.f_frsize <= _ROOM_BYTES


def _load_log() -> str:
    log = _WORK / "load.log"
    return log.read_text(errors="replace") if log.exists() else ""


def _last_words(name: str) -> str:
    """Why the server ended: the pod's logs are deleted with it. Its first error is usually the cause."""
    logs = [_WORK / file for file in ("load.log", f"{name}.errors", f"{name}.last")]
    found = [text for log in logs if log.exists() and (text := log.read_text(errors="replace").strip())]
    return found[0].splitlines()[0][-300:] if found else "it said nothing"


def _stopped(name: str) -> Path:
    return _WORK / f"{name}.stopped"
