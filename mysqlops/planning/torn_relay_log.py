"""When a relay log that cannot be read to its end may be deleted. Pure; the agent's loop asks.

A loss of power may tear what was received and not yet flushed (docs/adr/0025). MySQL 9.7 cuts a torn tail off when
it starts. Where it cannot, the applier stops at the tear each time, and the member never gets into a group.
What can be read may be nowhere else. So the relay log goes only after the applier stopped at the tear several times and
had nothing left to apply on its way there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mysqlops.core import view
from mysqlops.core.gtid import GtidSet

# A disk or a key that is away for a moment looks alike.
_STOPS = 3


@dataclass(frozen=True)
class Memory:
    """What the last look left for the next: when the applier stopped last, with what, and how often with just that."""

    at: str = ""
    executed: GtidSet = field(default_factory=GtidSet)
    stops: int = 0

    def why_to_drop(self) -> str:
        """Why the relay log may be deleted now, or nothing."""
        if self.stops < _STOPS:
            return ""
        return f"it cannot be read on after what was applied; the applier stopped there {self.stops} times"


def look(memory: Memory, server: view.ServerView | None) -> Memory:
    """Stops are distinguished by their time: only a new start of the applier makes a new one."""
    if server is None:
        return memory
    if not server.unreadable_at:
        # In the group, or deleted: what comes next is another relay log.
        return Memory() if server.state == view.ONLINE or memory.why_to_drop() else memory
    if server.unreadable_at == memory.at:
        return memory
    same = server.executed == memory.executed
    return Memory(server.unreadable_at, server.executed, memory.stops + 1 if same else 1)
