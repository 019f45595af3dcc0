"""Detects a group that still counts members which have left. Such a group cannot commit, and reports nothing. Pure.

Group Replication removes a member that died within ten seconds. Where it counts two incarnations of that member, as its
view does not show, its majority may be gone: each write waits without end (docs/adr/0021). Leaving such a group ends
that; the members then form one again as after a full outage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mysqlops.core import view
from mysqlops.core.publication import Publication

LOOK_SECONDS = 15.0
_CERTAIN_LOOKS = 3  # in a row: three times as long as a removal ever takes
_OUTSIDE = (view.OFFLINE, view.DOWN)


@dataclass(frozen=True)
class Sightings:
    """How many looks in a row saw each pod so, all at one view: whoever comes and goes changes the view each time."""

    view_id: str = ""
    looks: Mapping[str, int] = field(default_factory=dict)


def look(before: Sightings, own: Publication, peers: Iterable[view.Peer]) -> Sightings:
    """Counts one more sighting of each member that the group counts although its own agent reports it outside."""
    outside = {peer.name for peer in peers if peer.fresh and peer.publication and peer.publication.state in _OUTSIDE}
    known = before.looks if before.view_id == own.view_id else {}
    return Sightings(own.view_id, {pod: known.get(pod, 0) + 1 for pod in outside.intersection(own.group.split(","))})


def why_stuck(server: view.ServerView, sightings: Sightings) -> str:
    """Evidence that this member's group can no longer decide anything; empty if it can."""
    looks = sightings.looks if sightings.view_id == server.view_id else {}
    certain = {pod for pod, count in looks.items() if count >= _CERTAIN_LOOKS}
    kept = sorted(one.pod for one in server.members if one.state == view.UNREACHABLE and one.pod in certain)
    if kept and server.has_majority():  # without one the server leaves by itself
        return f"the group is stuck: it has not removed {' and '.join(kept)}, unreachable for at least half a minute"
    alive = {member.pod for member in server.members if member.state in view.IN_GROUP}
    gone = sorted(alive & certain)
    if not gone or 2 * (len(alive) - len(gone)) > len(server.members):
        return ""
    return f"the group is stuck: it still counts {' and '.join(gone)}, which left it at least half a minute ago"
