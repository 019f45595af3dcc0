"""When a member whose applier fails may join again. Pure; the agent's loop calls it.

Each join changes the group's view, which stops writes for a moment: two members that tried every few seconds blocked
writes half of the time (docs/measurements/figures.md). A member that misses the rows to be changed fails each time, so
the pauses grow. A full disk or a lock wait timeout may pass by itself, so the longest pause is five minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mysqlops.core import view

PAUSES_SECONDS = (10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
_WELL_SECONDS = 60.0  # in the group without a failure; it may be ONLINE for a moment before it fails again


@dataclass(frozen=True)
class Memory:
    """State carried from one look to the next; times in seconds of the agent's clock, `at` by the server's."""

    at: str = ""
    failures: int = 0
    text: str = ""
    until: float = 0.0
    next_try: str = ""  # the same moment as people read it
    must_leave: bool = False  # Group Replication itself would go on trying for ten minutes
    online_since: float | None = None

    def reported(self, server: view.ServerView | None) -> str:
        """What to report of the failure: nothing while the member is in the group again."""
        return "" if server is not None and server.state == view.ONLINE else self.text

    def waits_because(self, now: float) -> str:
        """Why the member does not join yet; empty if it may."""
        if now >= self.until:
            return ""
        times = f", {self.failures} times in a row" if self.failures > 1 else ""
        return f"it cannot apply what the group wrote: {self.text}{times}; next try at {self.next_try}"


def look(memory: Memory, server: view.ServerView | None, now: float, clock: datetime) -> Memory:
    """Failures are distinguished by their time: the server forgets one when its applier starts again."""
    if server is None:
        return memory
    if server.failure is not None and server.failure.at != memory.at:
        pause = PAUSES_SECONDS[min(memory.failures, len(PAUSES_SECONDS) - 1)]
        return Memory(
            server.failure.at,
            memory.failures + 1,
            server.failure.text,
            now + pause,
            f"{clock + timedelta(seconds=pause):%H:%M:%SZ}",
            must_leave=server.state == view.RECOVERING,
        )
    if server.state == view.ONLINE:
        return _online(memory, now)
    return replace(memory, must_leave=memory.must_leave and server.state == view.RECOVERING, online_since=None)


def _online(memory: Memory, now: float) -> Memory:
    since = now if memory.online_since is None else memory.online_since
    is_well = memory.failures > 0 and now - since >= _WELL_SECONDS
    return Memory() if is_well else replace(memory, must_leave=False, online_since=since)
