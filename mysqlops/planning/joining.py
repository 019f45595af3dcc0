"""What keeps a member out of a group that runs, for now or until a user decides. Pure; membership.py asks."""

from __future__ import annotations

from mysqlops.core import gtid, view


def why_not_yet(name: str, around: view.Surroundings, server: view.ServerView, proven: gtid.GtidSet) -> str:
    """Why a member does not join a group that runs; empty if it may. `proven` is what the group has although nobody has
    published it yet.

    Not while the group still counts this member from before a crash: it would be refused, and repeated attempts
    delay the expulsion of its crashed incarnation (failover then takes 10 s instead of 7 s)."""
    in_group = [peer for peer in around.peers if peer.publication and peer.publication.state in view.IN_GROUP]
    if any(peer.fresh and peer.publication and name in peer.publication.group.split(",") for peer in in_group):
        return "the group has not yet removed this member's previous incarnation"
    errant = _errant(around, server, proven)
    if errant:
        return f"errant transactions, which no member in the group has: {errant}; mysqlops member rebuild"
    busy = [peer.name for peer in around.peers if peer.fresh and peer.publication and peer.publication.clone_size]
    if busy and not server.known():
        return f"waiting for {' and '.join(busy)} to clone: a donor serves one clone at a time"
    return ""


def _errant(around: view.Surroundings, server: view.ServerView, proven: gtid.GtidSet) -> gtid.GtidSet:
    """What this member executed or received, and the group did not. A peer's publication may be a few seconds old: the
    next one then has what seems to be missing."""
    group = gtid.GtidSet()
    for peer in around.peers:
        if peer.fresh and peer.publication and peer.publication.state == view.ONLINE:
            group = group.union(gtid.GtidSet.parse(peer.publication.executed))
            group = group.union(gtid.GtidSet.parse(peer.publication.received))
    return server.known().subtract(group.union(proven)) if group else gtid.GtidSet()
