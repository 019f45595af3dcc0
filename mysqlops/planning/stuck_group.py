"""Detects a group that still counts members which have left. Such a group cannot commit, and reports nothing. Pure.

Group Replication removes a member that died within ten seconds. Once in the lab it did not, and each write waited
without end (docs/adr/0021). Leaving such a group ends that; the members then form one again as after a full outage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mysqlops.core import view

LOOK_SECONDS = 15.0
_CERTAIN_LOOKS = 3  # in a row: three times as long as a removal ever takes
_OUTSIDE = (view.OFFLINE, view.DOWN)

Sightings = Mapping[str, int]  # of a pod, how many looks in a row


def look(before: Sightings, counted: Iterable[str], peers: Iterable[view.Peer]) -> Sightings:
    """Counts one more sighting of each member that the group counts although its own agent reports it outside."""
    outside = {peer.name for peer in peers if peer.fresh and peer.publication and peer.publication.state in _OUTSIDE}
    return {pod: before.get(pod, 0) + 1 for pod in outside.intersection(counted)}


def why_stuck(server: view.ServerView, sightings: Sightings) -> str:
    """Evidence that this member's group can no longer decide anything; empty if it can."""
    alive = {member.pod for member in server.members if member.state in view.IN_GROUP}
    gone = sorted(pod for pod in alive if sightings.get(pod, 0) >= _CERTAIN_LOOKS)
    if not gone or 2 * (len(alive) - len(gone)) > len(server.members):
        return ""
    return f"the group is stuck: it still counts {' and '.join(gone)}, which left it at least half a minute ago"
