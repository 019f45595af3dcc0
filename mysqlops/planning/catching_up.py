"""When a member that comes back first catches up as an ordinary replica, from whom, and until when. Pure; membership.py
and the agent ask (docs/adr/0024).

A member that joins with much to apply takes processor time from its group, which then writes nothing for seconds.
Outside the group it disturbs nobody: it is a replica that no client reaches and that the group does not count. What it
executes there, a member of the cluster's group has executed and flushed before: it holds nothing that the group does
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mysqlops.core import group, gtid, names, version, view
from mysqlops.core.publication import Publication
from mysqlops.core.version import ServerVersion
from mysqlops.planning.member_actions import CatchUp

AT_LEAST = 100  # missing transactions; fewer are applied in the group before anybody notices
# group_replication_clone_threshold in my.cnf: from there on a copy is quicker, and Group Replication makes it.
AT_MOST = 100_000
TRIES = 3  # since it was last in the group; then it joins as it is
CLOSE_SECONDS = 1.0  # of the group's writes: what may still be missing when it joins
READY_SECONDS = 15.0  # after catching up it joins; later it looks again
_STALLED_SECONDS = 60.0  # without getting closer: the group's flow control lets it, outside nobody waits for it
_CLOSER = 0.95
# Older servers put changes of the group's members into their binary logs, where they take numbers of the group.
_SINCE = ServerVersion(8, 4, 0)


@dataclass(frozen=True)
class Memory:
    """State carried from one look to the next. `source` is the member from which it receives now, empty if it does not;
    `seen` is what that member had executed when it was last asked; `unable` are members that have purged what is
    missing here. Times in seconds of the agent's clock."""

    source: str = ""
    seen: gtid.GtidSet = field(default_factory=gtid.GtidSet)
    ready_until: float = 0.0
    unable: frozenset[str] = frozenset()
    at_least: int = AT_LEAST

    def proven(self, now: float) -> gtid.GtidSet:
        """What the group has, as far as its member said so itself a moment ago: publications are seconds old."""
        return self.seen if self.source or now < self.ready_until else gtid.GtidSet()


@dataclass(frozen=True)
class Request:
    """`tries` are the member's starts since it was last in the group."""

    memory: Memory
    tries: int
    now: float


def plan(
    request: Request, server: view.ServerView, in_group: Sequence[view.Peer], record: view.GroupRecord
) -> CatchUp | None:
    """Catch up, or go on with it; None if the member joins with what it has."""
    memory = request.memory
    able = [peer for peer in in_group if _is_able(peer, server, record)]
    by_name = {peer.name: peer for peer in able}
    if memory.source:
        return _from(by_name[memory.source]) if memory.source in by_name else None
    if not server.known() or request.tries >= TRIES or request.now < memory.ready_until:
        return None
    group_has = gtid.GtidSet()
    for peer in able:
        if peer.publication:
            group_has = group_has.union(gtid.GtidSet.parse(peer.publication.executed))
    if not memory.at_least <= group_has.subtract(server.executed).count() <= AT_MOST:
        return None
    rest = [peer for peer in able if peer.name not in memory.unable]
    return _from(min(rest, key=_order)) if rest else None


def droppable(tries: int, around: view.Surroundings | None) -> gtid.GtidSet | None:
    """What a channel received and nobody needs from there, since members of the group have executed it; None before the
    third try. Its source may be gone for good by now, and with it the group: what only this channel holds stays."""
    if tries < TRIES:
        return None
    found = gtid.GtidSet()
    for peer in around.peers if around else ():
        if around and peer.fresh and peer.publication and _is_in_noted(peer.publication, around.record):
            found = found.union(gtid.GtidSet.parse(peer.publication.executed))
    return found


def _is_in_noted(published: Publication, record: view.GroupRecord) -> bool:
    """ONLINE in the group that the Lease records. Until one is recorded, nobody knows which group will count: what is
    taken from another one stays, under numbers that the cluster's group gives to other transactions."""
    counts = record.incarnation()
    return published.state == view.ONLINE and bool(counts) and group.incarnation(published.view_id) == counts


def _order(peer: view.Peer) -> tuple[bool, int, str]:
    """A replica that has the least to apply; the primary only if there is no other."""
    published = peer.publication
    return (published is None or published.role == names.ROLE_PRIMARY, published.behind if published else 0, peer.name)


def _is_able(peer: view.Peer, server: view.ServerView, record: view.GroupRecord) -> bool:
    """Serving in the group that the Lease records, and of no newer version: a replica must not be older than its
    source."""
    published = peer.publication
    if published is None or published.role not in (names.ROLE_PRIMARY, names.ROLE_REPLICA):
        return False
    if not _is_in_noted(published, record):
        return False
    own, other = version.find(server.version), version.find(published.server_version)
    return own is not None and other is not None and _SINCE <= other <= own


def _from(peer: view.Peer) -> CatchUp:
    """No number in the reason: it would be news each time."""
    published = peer.publication
    return CatchUp(
        f"as a replica of {peer.name}, before it joins", peer.name, published.server_uuid if published else ""
    )


@dataclass(frozen=True)
class Pace:
    """How far it has got, from one look at both servers to the next: what the source had executed at the first look of
    the current second and before, and the least that was ever missing, with the time of that look."""

    since: float
    counted: int
    least: int
    least_at: float
    per_second: float = 0.0


def first(executed: gtid.GtidSet, missing: int, now: float) -> Pace:
    return Pace(now, executed.count(), missing, now)


def look(pace: Pace, executed: gtid.GtidSet, missing: int, now: float) -> Pace:
    if missing <= pace.least * _CLOSER:
        pace = replace(pace, least=missing, least_at=now)
    passed, count = now - pace.since, executed.count()
    if passed < CLOSE_SECONDS:
        return pace
    return replace(pace, since=now, counted=count, per_second=max(0.0, (count - pace.counted) / passed))


def is_close(memory: Memory, pace: Pace, missing: int) -> bool:
    """Whether it may join: less than a second of the group's writes is missing, or far too little to catch up."""
    return missing <= max(memory.at_least // 2, pace.per_second * CLOSE_SECONDS)


def is_stalled(pace: Pace, now: float) -> bool:
    return now - pace.least_at >= _STALLED_SECONDS
