"""The point to which a backup is brought forward: which transactions that takes, in the order of the logs. Pure.

The order of commits decides, never the order of numbers: each member of a group gives out numbers of a block of its own
(group_replication_gtid_assignment_block_size), so after a failover they jump. Nor do clocks: those of two primaries
differ. A moment stands for all that comes in the logs before the first transaction that was committed later, by the
clock of the primary that committed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from mysqlops.core import binlog
from mysqlops.core.backup import Backup
from mysqlops.core.gtid import Growing, GtidSet
from mysqlops.core.relay_log import Transaction
from mysqlops.errors import ConfigError, Reason, Refused, StorageError

LATEST, TIME, GTID, BEFORE = "latest", "time", "gtid", "before-gtid"
_PREFIX = "before-"
_ONE_GTID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}:([a-z_][a-z0-9_]{0,31}:)?\d+")
_HINT = "mysqlops backup list shows RESTORABLE-TO of each"
# A backup made before its commits' clocks were recorded: as far apart as clocks of one cluster are supposed to be.
_MARGIN = timedelta(minutes=15)
_EXPECTED = "expected latest, a moment such as 2026-11-25T10:30:00Z, a GTID such as UUID:42, or before-UUID:42"


@dataclass(frozen=True)
class Point:
    """`value` is the moment (UTC, ISO 8601, microseconds) or the GTID; empty for the latest."""

    kind: str
    value: str = ""

    def __str__(self) -> str:
        return {LATEST: LATEST, BEFORE: f"{_PREFIX}{self.value}"}.get(self.kind, self.value)


def parse(text: str) -> Point:
    """What `--to` says; raises ConfigError."""
    if text == LATEST:
        return Point(LATEST)
    bare = text.removeprefix(_PREFIX)
    if _ONE_GTID.fullmatch(bare):
        return Point(GTID if bare == text else BEFORE, str(GtidSet.parse(bare)))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--to {text!r}: {_EXPECTED}") from None
    if at.tzinfo is None:
        raise ConfigError(f"--to {text!r}: of which time zone? Write {text}Z for UTC, or {text}+02:00")
    return Point(TIME, _moment(at))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def check(point: Point, backup: Backup, reach: binlog.Reach) -> None:
    """Raises Refused for a point that this backup cannot be brought to."""
    if not reach.until:
        text = f"--to {point}: the target holds no binary logs that continue {backup.id}"
        why = f" ({reach.gap})" if reach.gap else ""
        raise Refused([Reason("no-binlogs", text + why, f"{_HINT}; mysqlops backup binlog start keeps them")])
    if point.kind == TIME:
        _check_time(point, backup, reach)
    elif point.kind in (GTID, BEFORE):
        wanted = GtidSet.parse(point.value)
        if wanted.is_subset(GtidSet.parse(backup.gtid)):
            raise _too_new(f"--to {point}: {backup.id} holds that transaction already")
        if not wanted.is_subset(reach.gtid):
            text = f"--to {point}: that transaction is not among those that {backup.id} can be brought to"
            raise Refused([Reason("out-of-reach", _because(text, reach.gap), _HINT)])


def _check_time(point: Point, backup: Backup, reach: binlog.Reach) -> None:
    if point.value < (holds_until := max(committed_until(backup), reach.within)):
        raise _too_new(f"--to {point}: {backup.id} may hold what was committed until {holds_until}")
    if point.value > reach.until:
        text = f"--to {point}: {backup.id} can be brought to {reach.until}"
        raise Refused([Reason("out-of-reach", _because(text, reach.gap), "--to latest takes all that is stored")])


def committed_until(backup: Backup) -> str:
    """No transaction in it was committed later, by the clock of the server that committed it."""
    return backup.committed or _moment(datetime.fromisoformat(backup.at) + _MARGIN)


def _too_new(text: str) -> Refused:
    return Refused([Reason("out-of-reach", text, f"choose an older backup: {_HINT}")])


def _because(text: str, gap: str) -> str:
    return f"{text}; {gap}" if gap else text


def needed(point: Point, chunks: Iterable[binlog.Chunk]) -> list[binlog.Chunk]:
    """Up to the first that begins after a moment: the last transaction to apply comes before it."""
    return list(takewhile(lambda one: point.kind != TIME or one.first <= point.value, chunks))


@dataclass(frozen=True)
class Replay:
    """Which transactions are to be applied, the last of them, and the first one that is not (None: it is all)."""

    wanted: GtidSet
    last: Transaction | None
    stop: Transaction | None


def replay(point: Point, held: GtidSet, logged: Iterable[Transaction], chunks: Sequence[binlog.Chunk]) -> Replay:
    """`logged` in the order of the logs of `chunks`. Chunks may overlap; what is there already is skipped, as the
    server does. Raises StorageError unless the logs hold all that the chunks count, one continuing the other; Refused
    if the backup itself is past the point."""
    course = _Course(held, chunks)
    wanted, last, stop = held, None, None
    for one in _after(point, held, logged):
        if one.gtid in course.seen:
            continue
        if stop is not None and not course.lacks:
            break
        if not course.goes_on():
            return Replay(course.whole().subtract(held), last, one)  # begun, and never received whole
        if stop is None:
            if _is_past(point, one, last):
                stop, wanted = one, course.whole()
            else:
                last = one
        course.take(one.gtid)
    if course.lacks or (stop is None and course.goes_on()):
        raise StorageError(f"the binary logs are not whole: {course.lacks} transactions that were counted are missing")
    return Replay((wanted if stop else course.whole()).subtract(held), last, stop)


def _after(point: Point, held: GtidSet, logged: Iterable[Transaction]) -> Iterator[Transaction]:
    """Those that the backup does not hold; raises Refused if it holds one that is past a moment."""
    begun = Growing(held)
    for one in logged:
        if one.gtid not in begun:
            yield one
        elif point.kind == TIME and _is_past(point, one, None):
            raise _too_new(f"--to {point}: the backup holds {one.gtid}, of {binlog.moment(one.committed)}")


class _Course:
    """Which transactions must come next, by what was recorded with the chunks and not by what was fetched of them."""

    def __init__(self, held: GtidSet, chunks: Sequence[binlog.Chunk]) -> None:
        self.seen, self.lacks = Growing(held), 0  # of the chunk whose turn it is
        self._chunks, self._now = iter(chunks), Growing()

    def goes_on(self) -> bool:
        """Whether any is to come; raises StorageError if the next chunk does not continue what came before."""
        while not self.lacks and (chunk := next(self._chunks, None)):
            if missing := chunk.had.subtract(self.whole()):
                raise StorageError(f"the binary logs are not whole: {missing} comes before {chunk.id}, and is missing")
            came = chunk.came.subtract(self.whole())
            self._now, self.lacks = Growing(came), came.count()
        return bool(self.lacks)

    def take(self, gtid: str) -> None:
        if gtid not in self._now:
            text = f"{gtid} comes before {self.lacks} transactions that were counted before it"
            raise StorageError(f"the binary logs are not whole: {text}")
        self.seen.add(gtid)
        self.lacks -= 1

    def whole(self) -> GtidSet:
        return self.seen.whole()


def _is_past(point: Point, one: Transaction, last: Transaction | None) -> bool:
    if point.kind == TIME:
        return binlog.moment(one.committed) > point.value
    if point.kind == BEFORE:
        return one.gtid == point.value
    return point.kind == GTID and last is not None and last.gtid == point.value
