"""What a load balancer that asks this member may send it: writes, reads, or neither. Pure; the agent's port asks.

Lag is measured by this member's own clock alone: how long ago it had received what it has still not applied. A commit's
own time would compare the clocks of two nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

from mysqlops.core import names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.core.publication import Publication

# A turn of the agent takes a quarter of a second. The agent of a stopping pod makes none while it hands over, 2.5 s. A
# group suspects a frozen primary after five seconds.
FRESH_SECONDS = 3.0
_MOST = 64  # looks that are remembered: the longer the lag, the coarser


@dataclass(frozen=True)
class Backlog:
    """When what was received, as far as it is not applied yet; oldest first."""

    looks: tuple[tuple[float, GtidSet], ...] = ()

    def seconds(self, now: float) -> float:
        return now - self.looks[0][0] if self.looks else 0.0


def remember(backlog: Backlog, server: view.ServerView | None, at: float) -> Backlog:
    if server is None:
        return backlog
    left = [look for look in backlog.looks if not look[1].is_subset(server.executed)]
    if not server.received.is_subset(server.executed):
        left.append((at, server.received))
    return Backlog(tuple(left[::2] if len(left) > _MOST else left))


@dataclass(frozen=True)
class Look:
    """The last look of this member's agent, at `at` of its clock (seconds); `seen` is what it published."""

    at: float
    seen: Publication
    server: view.ServerView | None
    backlog: Backlog = Backlog()


def why_not(look: Look | None, role: str, now: float, most_lag: float | None = None) -> str:
    """Why this member must not get what that role gets; empty if it may. An agent that is stuck knows nothing."""
    if look is None:
        return "starting"
    if now - look.at > FRESH_SECONDS:
        return f"unknown: the agent's last look is {now - look.at:.0f} s old"
    if look.server is None or look.seen.state != view.ONLINE or look.seen.role != role:
        return look.seen.waiting_for or f"{look.seen.state}, {_ROLES.get(look.seen.role, 'not serving')}"
    if look.server.offline_mode:
        return "it accepts no clients (offline_mode)"
    if role == names.ROLE_PRIMARY:
        return "" if look.server.writable and not look.server.read_only else "it is read-only"
    lag = look.backlog.seconds(now)
    return f"it is {lag:.1f} s behind" if most_lag is not None and lag > most_lag else ""


_ROLES = {names.ROLE_PRIMARY: "the primary", names.ROLE_REPLICA: "a replica"}
