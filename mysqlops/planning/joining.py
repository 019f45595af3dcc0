"""What keeps a member out of a group that runs, for now or until a user decides. Pure; membership.py asks."""

from __future__ import annotations

from collections.abc import Sequence

from mysqlops.core import group, gtid, view

ELSEWHERE = "the only group that is seen is another one than the Lease records"


def why_not_yet(name: str, around: view.Surroundings, server: view.ServerView, proven: gtid.GtidSet) -> str:
    """Why a member does not join a group that runs; empty if it may. `proven` is what the group has although nobody has
    published it yet.

    Not before the Lease records the group, unless an older agent formed it: until then nobody knows whether it counts.
    Who formed it is marked (origin.py), and who joined it would not be.

    Not while the group still counts this member from before a crash: it would be refused, and repeated attempts
    delay the expulsion of its crashed incarnation (failover then takes 10 s instead of 7 s)."""
    if around.record.is_forming():
        return "the group was formed moments ago: it joins once the Lease records it"
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


def counting(in_group: Sequence[view.Peer], record: view.GroupRecord) -> list[view.Peer]:
    """Those that do not say that they are in another group than the one that the Lease records."""
    return [peer for peer in in_group if not _is_elsewhere(peer, record)]


def _is_elsewhere(peer: view.Peer, record: view.GroupRecord) -> bool:
    own = group.incarnation(peer.publication.view_id) if peer.publication else ""
    return bool(own and record.incarnation()) and own != record.incarnation()


def _errant(around: view.Surroundings, server: view.ServerView, proven: gtid.GtidSet) -> gtid.GtidSet:
    """What this member executed or received, and the group that counts did not. A peer's publication may be a few
    seconds old: the next one then has what seems to be missing."""
    others = gtid.GtidSet()
    for peer in counting(around.peers, around.record):
        if peer.fresh and peer.publication and peer.publication.state == view.ONLINE:
            others = others.union(gtid.GtidSet.parse(peer.publication.executed))
            others = others.union(gtid.GtidSet.parse(peer.publication.received))
    return server.known().subtract(others.union(proven)) if others else gtid.GtidSet()
