"""How many commands run at once beside an agent, in the little memory of its container.

Each command by exec is a process of its own there, and where kubelet sets memory.oom.group, one byte too many ends all
of them and the agent. So a command takes a place first, before it imports what it needs; a few more wait for one, the
rest are refused. Commands that act have places of their own: whoever only looks never keeps a switchover from running.
A place is a lock on a file, which the kernel releases with the process however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mysqlops import errors
from mysqlops.clock import Clock

_POLL_SECONDS = 0.05
_READING_SECONDS = 60  # a query that hangs must not keep its place: nobody waits for its answer any longer
_READING_BYTES = 64 << 20  # one command alone, whatever it reads, leaves the agent its memory
_LAST_TO_KEEP = "1000"


@dataclass(frozen=True)
class _Room:
    """Places for one kind of command. It waits for less time than the shortest of its callers (`doctor`: 4 s)."""

    name: str
    places: int
    waiting: int
    seconds: float


_LOOKING = _Room("looking", places=3, waiting=4, seconds=2.5)
_ACTING = _Room("acting", places=2, waiting=2, seconds=10.0)
LOOKING = frozenset({"accounts", "examine", "get-settings", "gtids", "slow", "top"})
ACTING = frozenset(
    "adopt-admit adopt-close backup-open exporter-close kill plugins probe rotate-tls rotate-users set-settings "
    "setting-kinds switchover tls-presented transactions write-gap".split()
)


def _room(word: str) -> _Room | None:
    """None for what does not run beside an agent: its own container's programs, and those of Jobs."""
    return _LOOKING if word in LOOKING else _ACTING if word in ACTING else None


def limit_this_process(word: str) -> None:
    """A command that only looks ends by itself, for time or memory, and goes before the agent if the kernel chooses."""
    if word in LOOKING:
        signal.alarm(_READING_SECONDS)
        resource.setrlimit(resource.RLIMIT_DATA, (_READING_BYTES, _READING_BYTES))
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_LAST_TO_KEEP)


@contextlib.contextmanager
def taken(word: str, folder: Path, clock: Clock) -> Iterator[None]:
    """Hold a place meanwhile; raises PodBusy if there is none. A pod without that folder is no member's."""
    room = _room(word)
    if room is None or not folder.is_dir():
        yield
        return
    place = _enter(room, folder, clock)
    try:
        yield
    finally:
        os.close(place)


def _enter(room: _Room, folder: Path, clock: Clock) -> int:
    places = [folder / f"{room.name}-{number}" for number in range(room.places)]
    if (place := _first_free(places)) is not None:
        return place
    chair = _first_free([folder / f"{room.name}-waiting-{number}" for number in range(room.waiting)])
    if chair is None:
        raise _busy(room, f"and {room.waiting} wait")
    try:
        ends = clock.monotonic() + room.seconds
        while clock.monotonic() < ends:
            clock.sleep(_POLL_SECONDS)
            if (place := _first_free(places)) is not None:
                return place
    finally:
        os.close(chair)
    raise _busy(room, f"none ended within {room.seconds:g} s")


def _first_free(files: Sequence[Path]) -> int | None:
    for file in files:
        number = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(number)
        else:
            return number
    return None


def _busy(room: _Room, more: str) -> errors.PodBusy:
    text = f"{room.places} commands run beside the agent of {os.environ.get('MYSQLOPS_POD', 'this pod')}, {more}"
    return errors.PodBusy(text, hint="run the command again in a few seconds")
