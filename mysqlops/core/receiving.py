"""What a receiver of binary logs decides: where it begins, whether it can go on, until when it is complete. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from mysqlops.core import binlog
from mysqlops.core.backup import FAILED, Backup
from mysqlops.core.gtid import GtidSet


@dataclass(frozen=True)
class Source:
    """What the primary says: its group's name, what it has or has received and is going to apply, and what it has no
    binary logs for any more. Until it is ONLINE and has certified what the group sent it, it cannot name all that it
    has: then it is not settled."""

    uuid: str
    group: str
    executed: GtidSet
    purged: GtidSet
    received: GtidSet = field(default_factory=GtidSet)
    is_settled: bool = True

    @cached_property
    def known(self) -> GtidSet:
        return self.executed.union(self.received)


@dataclass(frozen=True)
class Start:
    """The transactions that a receiver does not ask for, what of those since the last chunk cannot be had, and the
    number of its chunk."""

    before: GtidSet
    gap: str = ""
    number: int = 0


def start(origin: str, source: Source, backups: Iterable[Backup], there: Iterable[binlog.Chunk]) -> Start:
    """Where a receiver goes on: at the end of the last chunk if the primary still has all that came after; else at the
    newest good backup, so that this one can be brought forward; else at the primary's present."""
    here = [one for one in there if one.origin == origin]
    number = max((one.number for one in here), default=0) + 1
    own = [one for one in here if one.group == source.group]
    gap = ""
    if own:
        last = max(own, key=lambda one: (one.after.count(), one.number))
        if not (gap := _not_from(last, source)):
            return Start(last.after, number=number)
    elif here:
        gap = f"the cluster goes on as group {source.group}: no binary logs continue what was stored of another"
    for backup in backups:
        held = GtidSet.parse(backup.gtid)
        is_ours = (backup.origin, backup.group) == (origin, source.group) and backup.level != FAILED
        if is_ours and held.is_subset(source.known) and source.purged.is_subset(held):
            return Start(held, number=number)  # a gap before it is in the way of older backups only
    return Start(source.executed, gap, number)


def _not_from(last: binlog.Chunk, source: Source) -> str:
    """Why a receiver cannot go on where this chunk ends, or nothing."""
    if foreign := last.after.subtract(source.known):
        return f"the primary lacks {foreign.count()} transactions that were stored: {foreign}"
    if lost := source.purged.subtract(last.after):
        return f"{lost.count()} transactions after {last.until} were purged before they were stored: {lost}"
    return ""


def not_on_because(chunk: binlog.Chunk, received: GtidSet, source: Source) -> str | None:
    """Why a receiver that has this cannot go on with its chunk; empty if it can, None if that is not known yet. A new
    primary has received what the one before it committed, and commits it in its own time: that is nothing foreign."""
    if source.group != chunk.group:
        return "the cluster counts under another group's name: it was restored, or members were given up"
    foreign = received.subtract(source.known)
    if foreign and not source.is_settled:
        return None
    return f"the primary does not have {foreign}" if foreign else ""


@dataclass(frozen=True)
class Asked:
    """What a primary said of itself: its clock, and what it had committed then."""

    uuid: str = ""
    now: str = ""
    executed: GtidSet = field(default_factory=GtidSet)


def said(before: Asked, asked: Asked, chunk: binlog.Chunk, source: Source) -> Asked:
    """Until when the chunk is complete by the clock of the primary that commits now; what another one's clock said
    before it means nothing any more."""
    if asked.uuid == source.uuid and asked.executed.is_subset(chunk.after):
        return asked
    return before if before.uuid == source.uuid else Asked()


_IDLE_SECONDS = 120.0  # with nothing new, so often the repository gets to know that it is still complete


def is_worth(stored: str, until: str) -> bool:
    """Of a chunk to which nothing came: it was idle for long, or another primary's clock counts from now on."""
    passed = datetime.fromisoformat(until) - datetime.fromisoformat(stored)
    return not 0 <= passed.total_seconds() < _IDLE_SECONDS
