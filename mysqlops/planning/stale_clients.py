"""When a member keeps no client: an open connection does not follow the Service. Pure; the agent's loop asks.

- A primary that is demoted refuses clients until the Service leads elsewhere: they must write to another, and who
  connected to this one meanwhile would read old rows for as long as the connection lives.
- A member outside the group, such as one that was killed and comes back, closes their connections: until another leads
  it may still bear the primary's label (found by drills of kill-mysqld).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mysqlops.core import names, view

_AGAIN_SECONDS = 2.0
# The labels move within a tenth of a second, kube-proxy's rules within another one (its minSyncPeriod).
ELSEWHERE_SECONDS = 1.5


@dataclass(frozen=True)
class Seen:
    """`server` is the member's state and role, None while mysqld does not answer; `at` in seconds of any clock."""

    at: float
    server: tuple[str, str] | None


@dataclass(frozen=True)
class Memory:
    """What the last call left for the next."""

    was_primary: bool = False
    was_outside: bool = False
    again_at: float = math.inf
    leads_until: float = -math.inf  # until then the Service may lead here, though another is primary

    def misleads(self, at: float) -> bool:
        """Whether clients that come now take this member for the primary."""
        return at < self.leads_until


def plan(memory: Memory, seen: Seen) -> tuple[Memory, str]:
    """What to remember, and why to close all connections now, or nothing."""
    if seen.server is None:
        return memory, ""  # perhaps only busy
    state, role = seen.server
    if state != view.ONLINE:
        is_due = not memory.was_outside or seen.at >= memory.again_at
        again_at = seen.at + _AGAIN_SECONDS if is_due else memory.again_at
        return Memory(was_outside=True, again_at=again_at), "not in the group" if is_due else ""
    if role == names.ROLE_PRIMARY:
        return Memory(was_primary=True), ""
    if memory.was_outside:
        return Memory(), "back in the group"
    if memory.was_primary:
        return Memory(leads_until=seen.at + ELSEWHERE_SECONDS), ""
    return memory, ""
