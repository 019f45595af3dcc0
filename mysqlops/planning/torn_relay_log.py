"""When a relay log that cannot be read to its end may be deleted. Pure; the agent's loop asks.

A power failure may tear what was received and not yet flushed (docs/adr/0025). MySQL 9.7 cuts off a torn tail when it
starts. Where it cannot, the applier stops at the tear each time, and the member never gets into a group.
What can be read may exist nowhere else. So the relay log is deleted only after the applier stopped at the tear several
times and had nothing left to apply on its way there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mysqlops.core import view
from mysqlops.core.gtid import GtidSet

# A disk or key that is unavailable for a moment looks the same.
_STOPS = 3


@dataclass(frozen=True)
class Memory:
    """State carried from one look to the next: when the applier last stopped, at which set, and how often there."""

    at: str = ""
    executed: GtidSet = field(default_factory=GtidSet)
    stops: int = 0

    def why_to_drop(self) -> str:
        """Why the relay log may be deleted now; empty if it may not."""
        if self.stops < _STOPS:
            return ""
        return f"it cannot be read beyond what was applied; the applier stopped there {self.stops} times"


def look(memory: Memory, server: view.ServerView | None) -> Memory:
    """Stops are distinguished by their time: only a new start of the applier makes a new one."""
    if server is None:
        return memory
    if not server.unreadable_at:
        # In the group, or deleted: a new relay log follows.
        return Memory() if server.state == view.ONLINE or memory.why_to_drop() else memory
    if server.unreadable_at == memory.at:
        return memory
    same = server.executed == memory.executed
    return Memory(server.unreadable_at, server.executed, memory.stops + 1 if same else 1)
