"""When a member keeps no client: an open connection does not follow the Service. Pure; the agent's loop asks.

- A primary that is demoted refuses clients until the Service leads elsewhere: they must write to another, and who
  connected to this one meanwhile would read old rows for as long as the connection lives.
- A server that was silent, and takes itself for a member as if nothing had been, was frozen: the group may have gone on
  without it. It refuses clients until the group has spoken.
- A member outside the group, such as one that was killed and comes back, closes their connections: until another leads
  it may still carry the primary's label (found by drills of kill-mysqld).
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

_WAS_PRIMARY = "it was primary a moment ago, and the Service may still lead here"
_FROZEN = "it was frozen, and the group may have gone on without it"


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
    answered_at: float = math.inf  # never yet
    leads_until: float = -math.inf  # until then the Service may lead here, though another is primary
    frozen_until: float = -math.inf

    def doubt(self, at: float) -> str:
        """Why no client may come now, or nothing."""
        if at < self.frozen_until:
            return _FROZEN
        return _WAS_PRIMARY if at < self.leads_until else ""


def plan(memory: Memory, seen: Seen) -> tuple[Memory, str]:
    """What to remember, and why to close all connections now, or nothing."""
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
