"""When a member closes its clients' connections: an open one does not follow the Service. Pure; the agent's loop asks.

- A primary that is demoted: its clients must write elsewhere.
- A member outside the group, such as one that was killed and comes back: until another leads it may still bear the
  primary's label, and who connected then would read what it held when it died (found by drills of kill-mysqld).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mysqlops.core import names, view

# For a second or two kube-proxy may still send new ones here.
_AGAIN_SECONDS = 2.0


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
    return _plan_replica(memory, seen)


def _plan_replica(memory: Memory, seen: Seen) -> tuple[Memory, str]:
    if memory.was_primary:
        return Memory(again_at=seen.at + _AGAIN_SECONDS), "not primary any more"
    if seen.at >= memory.again_at:
        return Memory(), "not primary any more"
    return memory, ""
