"""What a receiver of binary logs decides: where it starts, whether it can continue, until when it is complete. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from mysqlops.core import binlog
from mysqlops.core.backup import FAILED, Backup
from mysqlops.core.gtid import GtidSet
from mysqlops.core.owner import Owner


@dataclass(frozen=True)
class Source:
    """What the primary reports: its group's name, the transactions that it has or has received and will apply, and
    those that it no longer has binary logs for. Until it is ONLINE and has certified what the group sent it, it cannot
    list everything it has: it is not settled."""

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
    """The transactions that a receiver does not request, which of those since the last chunk are not available, and the
    number of its chunk."""

    before: GtidSet
    gap: str = ""
    number: int = 0


def start(owner: Owner, source: Source, backups: Iterable[Backup], stored: Iterable[binlog.Chunk]) -> Start:
    """Where a receiver continues: at the end of the last chunk if the primary still has everything after it; else at
    the newest good backup, so that this one can be recovered further; else at the primary's current state."""
    here = [chunk for chunk in stored if chunk.owner == owner]
    number = max((chunk.number for chunk in here), default=0) + 1
    own = [chunk for chunk in here if chunk.group == source.group]
    gap = ""
    if own:
        last = max(own, key=lambda one: (one.after.count(), one.number))
        if not (gap := _not_from(last, source)):
            return Start(last.after, number=number)
    elif here:
        gap = (
            f"the cluster continues as group {source.group}: no binary logs link it to what was stored of another group"
        )
    for backup in backups:
        held = GtidSet.parse(backup.gtid)
        is_ours = backup.history == (owner, source.group) and backup.level != FAILED
        if is_ours and held.is_subset(source.known) and source.purged.is_subset(held):
            return Start(held, number=number)  # a gap before it concerns older backups only
    return Start(source.executed, gap, number)


def _not_from(last: binlog.Chunk, source: Source) -> str:
    """Why a receiver cannot continue where this chunk ends; empty if it can."""
    if foreign := last.after.subtract(source.known):
        return f"the primary lacks {foreign.count()} transactions that were stored: {foreign}"
    if lost := source.purged.subtract(last.after):
        return f"{lost.count()} transactions after {last.until} were purged before they were stored: {lost}"
    return ""


def not_on_because(chunk: binlog.Chunk, received: GtidSet, source: Source) -> str | None:
    """Why a receiver that has this cannot continue its chunk; empty if it can, None if that is not known yet. A new
    primary has received what its predecessor committed, and commits it in its own time: that is not foreign."""
    if source.group != chunk.group:
        return "the cluster has another group name: it was restored, or members were given up"
    foreign = received.subtract(source.known)
    if foreign and not source.is_settled:
        return None
    return f"the primary does not have {foreign}" if foreign else ""


@dataclass(frozen=True)
class Asked:
    """What a primary reported: its clock, and what it had committed at that time."""

    uuid: str = ""
    now: str = ""
    executed: GtidSet = field(default_factory=GtidSet)


def said(before: Asked, asked: Asked, chunk: binlog.Chunk, source: Source) -> Asked:
    """Until when the chunk is complete by the clock of the current primary; the clock of an earlier one no longer
    counts."""
    if asked.uuid == source.uuid and asked.executed.is_subset(chunk.after):
        return asked
    return before if before.uuid == source.uuid else Asked()


_IDLE_SECONDS = 120.0  # with nothing new, how often the repository is updated to show that it is still complete


def is_worth(stored: str, until: str) -> bool:
    """Whether an idle chunk should be stored again: it was idle for long, or another primary's clock counts now."""
    passed = datetime.fromisoformat(until) - datetime.fromisoformat(stored)
    return not 0 <= passed.total_seconds() < _IDLE_SECONDS
