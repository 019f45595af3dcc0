"""When a member disconnects its clients: an open connection does not follow the Service. Pure; the agent's loop asks.

- A demoted primary refuses clients until the Service routes elsewhere: they must write to another member, and clients
  that connected here meanwhile would read old rows for as long as their connections live.
- A server that was silent and still believes that it is a member was frozen: the group may have continued without it.
  It refuses clients until it has heard from the group.
- A member outside the group, such as one that was killed and comes back, closes its clients' connections: until another
  member leads, it may still carry the primary's label (found by drills of kill-mysqld).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from mysqlops.core import names, view

_AGAIN_SECONDS = 2.0
# The labels move within a tenth of a second, kube-proxy's rules within another one (its minSyncPeriod).
_ELSEWHERE_SECONDS = 1.5
_FROZEN_SECONDS = 5.0  # for less, Group Replication suspects nobody
_SPOKEN_SECONDS = 5.0

_WAS_PRIMARY = "it was primary a moment ago, and the Service may still route clients here"
_FROZEN = "it was frozen, and the group may have continued without it"


@dataclass(frozen=True)
class Seen:
    """`server` is the member's state and role, None while mysqld does not answer; `at` in seconds of any clock."""

    at: float
    server: tuple[str, str] | None


@dataclass(frozen=True)
class Memory:
    """State carried from one call to the next."""

    was_primary: bool = False
    was_outside: bool = False
    again_at: float = math.inf
    answered_at: float = math.inf  # never yet
    leads_until: float = -math.inf  # until then the Service may route here, although another is primary
    frozen_until: float = -math.inf

    def blocked_because(self, at: float) -> str:
        """Why no client may connect now; empty if they may."""
        if at < self.frozen_until:
            return _FROZEN
        return _WAS_PRIMARY if at < self.leads_until else ""


def plan(memory: Memory, seen: Seen) -> tuple[Memory, str]:
    """What to remember, and why to close all connections now; empty if they may stay."""
    if seen.server is None:
        return memory, ""  # perhaps only busy
    state, role = seen.server
    if state != view.ONLINE:
        is_due = not memory.was_outside or seen.at >= memory.again_at
        again_at = seen.at + _AGAIN_SECONDS if is_due else memory.again_at
        outside = Memory(was_outside=True, again_at=again_at, answered_at=seen.at)
        return outside, "not in the group" if is_due else ""
    inside = Memory(answered_at=seen.at, leads_until=memory.leads_until, frozen_until=memory.frozen_until)
    if seen.at - memory.answered_at > _FROZEN_SECONDS:
        inside = replace(inside, frozen_until=seen.at + _SPOKEN_SECONDS)
    if role == names.ROLE_PRIMARY:
        return replace(inside, was_primary=True, leads_until=-math.inf), ""
    if memory.was_primary:
        return replace(inside, leads_until=seen.at + _ELSEWHERE_SECONDS), ""
    return inside, "back in the group" if memory.was_outside else ""
