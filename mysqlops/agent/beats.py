"""Which agents still speak: their reports are numbered, and whoever was seen to go on is alive."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from mysqlops.clock import Clock
from mysqlops.core import publication

# A peer's publication counts only if its beat moved within this many seconds of our own clock: clocks of nodes differ,
# and the last publication of a dead node's pod is never removed.
FRESH_SECONDS = 25.0


@dataclass(frozen=True)
class _Beat:
    """The last beat of one agent, when it was seen to grow, and when somebody last looked (seconds of our clock)."""

    number: int
    grown_at: float = -math.inf
    looked_at: float = -math.inf


class Beats:
    """What one agent has seen of the others'."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: dict[str, dict[tuple[str, str], _Beat]] = {}  # pod -> its agents

    def is_fresh(self, name: str, published: publication.Publication) -> bool:
        """True if the beat of exactly this agent has grown recently. A first sight proves nothing: it may be a dead
        member's last publication. Nor does a beat that grew while nobody looked for long, or an older publication that
        reappears, because a second API server's cache may be stuck; nor does any node's clock."""
        now, agents = self._clock.monotonic(), self._beats.setdefault(name, {})
        identity = (published.pod_uid, published.started)
        last = agents.get(identity, _Beat(published.beat))
        # Older agents do not report when they started, and restart at one.
        if published.beat > last.number or (not published.started and published.beat != last.number):
            is_recent = now - last.looked_at < FRESH_SECONDS
            last = _Beat(published.beat, now if is_recent else -math.inf)
            agents = self._beats[name] = {}
        agents[identity] = replace(last, looked_at=now)
        is_older = bool(published.started) and published.beat < last.number  # it said more since
        return not is_older and now - last.grown_at < FRESH_SECONDS
