"""The binary logs that a repository holds, chunk by chunk, and how far a backup can be brought forward with them. Pure.

A chunk is what a receiver got since it began or since it last let go: whole relay logs of the server, in one snapshot
that is stored anew as it grows. A chunk continues the one before if that, or the backup, holds all that it began with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from mysqlops.core import facts, names
from mysqlops.core.backup import FAILED, Backup
from mysqlops.core.gtid import GtidSet

Json = dict[str, Any]
CHUNK = "binlog"


@dataclass(frozen=True)
class Chunk:
    """`before` and `gtid` are GTID sets: what the receiver had when it began, and what came since. Moments are UTC, ISO
    8601 with microseconds; before `until` the cluster committed nothing that is neither in `before` nor in `gtid`."""

    id: str
    cluster: str
    namespace: str
    origin: str
    group: str
    before: str
    gtid: str = ""
    transactions: int = 0
    size: int = 0  # bytes
    first: str = ""  # when its first transaction was committed
    last: str = ""
    until: str = ""
    snapshot: str = ""  # restic's id

    @property
    def after(self) -> GtidSet:
        """All that the receiver had at its end."""
        return GtidSet.parse(self.before).union(GtidSet.parse(self.gtid))


@dataclass(frozen=True)
class Reach:
    """What a backup becomes with the chunks: to `until` (empty: there are none), and why not further."""

    chunks: tuple[Chunk, ...] = ()
    gtid: GtidSet = field(default_factory=GtidSet)
    until: str = ""
    gap: str = ""


def moment(microseconds: int) -> str:
    """Since 1970, as the chunks write it."""
    return f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def tags(chunk: Chunk) -> list[str]:
    return facts.tags(CHUNK, chunk)


def chunks(snapshots: Sequence[Json]) -> list[Chunk]:
    """Those in `restic snapshots --json`, in the order in which they began; of each its last state."""
    newest: dict[str, Chunk] = {}
    for chunk in _all(snapshots):
        known = newest.get(chunk.id)
        if known is None or (chunk.transactions, chunk.until) >= (known.transactions, known.until):
            newest[chunk.id] = chunk
    return sorted(newest.values(), key=lambda one: one.id)


def superseded(snapshots: Sequence[Json]) -> list[str]:
    """The snapshots of earlier states of chunks."""
    newest = {one.snapshot for one in chunks(snapshots)}
    return [one.snapshot for one in _all(snapshots) if one.snapshot not in newest]


def _all(snapshots: Sequence[Json]) -> list[Chunk]:
    return [replace(facts.make(Chunk, told), snapshot=one["id"]) for one, told in facts.of_kind(snapshots, CHUNK)]


def reach(backup: Backup, there: Iterable[Chunk]) -> Reach:
    """How far this backup can be brought. Only chunks of its own history count: of the same group's name."""
    held, until = GtidSet.parse(backup.gtid), ""
    used: list[Chunk] = []
    for chunk in there:
        if chunk.origin != backup.origin or not backup.group or chunk.group != backup.group:
            continue
        new = GtidSet.parse(chunk.gtid).subtract(held)
        if missing := GtidSet.parse(chunk.before).subtract(held):
            if new or chunk.until > until:
                why = f"{missing.count()} transactions before {chunk.first or chunk.until} are nowhere: {missing}"
                return Reach(tuple(used), held, until, why)
            continue
        until = max(until, chunk.until)
        if new:
            used.append(chunk)
            held = held.union(new)
    return Reach(tuple(used), held, until if until > backup.at else "")


def can_reach_now(now: Chunk, backups: Iterable[Backup], there: Sequence[Chunk]) -> bool:
    """Whether a good backup can be brought to the end of `now`, which a receiver is filling."""
    chunks = [one for one in there if one.id != now.id]
    for one in backups:
        if one.level == FAILED or (one.origin, one.group) != (now.origin, now.group):
            continue
        if now.after.is_subset(reach(one, [*chunks, now]).gtid):
            return True
    return False


def continued(there: Sequence[Chunk]) -> dict[str, bool | None]:
    """Of each chunk by id: whether the one before it in the same history reaches to it; None of the first."""
    found: dict[str, bool | None] = {}
    last: dict[tuple[str, str], Chunk] = {}
    for one in there:
        history = one.origin, one.group
        before = last.get(history)
        found[one.id] = None if before is None else GtidSet.parse(one.before).is_subset(before.after)
        last[history] = one
    return found


def with_reach(backups: Sequence[Backup], there: Sequence[Chunk]) -> list[Backup]:
    """Each told how far it can be brought."""
    return [replace(one, restorable_to=reach(one, there).until) for one in backups]


def not_needed(snapshots: Sequence[Json], kept: Sequence[Backup], origin: str) -> list[str]:
    """The snapshots of a cluster's chunks that none of the kept backups needs, and of earlier states. Its last chunk
    stays: the receiver goes on from it."""
    there = chunks(snapshots)
    needed = {chunk.id for backup in kept for chunk in reach(backup, there).chunks}
    own = [one for one in there if one.origin == origin]
    needed.update(one.id for one in own[-1:])
    current = {one.snapshot for one in own if one.id in needed}
    return [one.snapshot for one in _all(snapshots) if one.origin == origin and one.snapshot not in current]


@dataclass(frozen=True)
class Report:
    """What a receiver says of itself in its Lease; `until` is the moment up to which the target can bring a backup."""

    at: str
    until: str
    target: str
    every: float
    transactions: int = 0
    size: int = 0
    trouble: str = ""
    gap: str = ""


def report_of(annotations: Mapping[str, str]) -> Report | None:
    """None if there is none yet, or nobody can read it."""
    try:
        found = json.loads(annotations.get(names.ANNOTATION_BINLOG) or "null")
        return None if found is None else facts.make(Report, found)
    except (ValueError, TypeError, AttributeError):
        return None


@dataclass(frozen=True)
class Source:
    """What the primary says: its group's name, what it has, and what it has no binary logs for any more."""

    uuid: str
    group: str
    executed: GtidSet
    purged: GtidSet


@dataclass(frozen=True)
class Start:
    """The transactions that a receiver does not ask for, and what of those since the last chunk cannot be had."""

    before: GtidSet
    gap: str = ""


def start(origin: str, source: Source, backups: Iterable[Backup], there: Iterable[Chunk]) -> Start:
    """Where a receiver goes on: at the end of the last chunk if the primary still has all that came after; else at the
    newest good backup, so that this one can be brought forward; else at the primary's present."""
    own = [one for one in there if (one.origin, one.group) == (origin, source.group)]
    gap = ""
    if own:
        after = own[-1].after
        lost, foreign = source.purged.subtract(after), after.subtract(source.executed)
        if not lost and not foreign:
            return Start(after)
        gap = (
            f"the primary lacks {foreign.count()} transactions that were stored: {foreign}"
            if foreign
            else f"{lost.count()} transactions after {own[-1].until} were purged before they were stored: {lost}"
        )
    for backup in backups:
        held = GtidSet.parse(backup.gtid)
        is_ours = (backup.origin, backup.group) == (origin, source.group) and backup.level != FAILED
        if is_ours and held.is_subset(source.executed) and source.purged.is_subset(held):
            return Start(held)  # a gap before it is in the way of older backups only
    return Start(source.executed, gap)
