"""The point to which a backup is recovered: which transactions that takes, in the order of the logs. Pure.

The order of commits decides, never the order of numbers: each member of a group assigns numbers from its own block
(group_replication_gtid_assignment_block_size), so they jump after a failover. Clocks do not decide either: those of two
primaries differ. A time stands for everything in the logs before the first transaction that was committed later, by the
clock of the primary that committed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from mysqlops.core import binlog, instant
from mysqlops.core.backup import Backup
from mysqlops.core.gtid import Growing, GtidSet
from mysqlops.core.relay_log import Transaction
from mysqlops.errors import ConfigError, Reason, Refused, StorageError

LATEST, TIME, GTID, BEFORE = "latest", "time", "gtid", "before-gtid"
_PREFIX = "before-"
_ONE_GTID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}:([a-z_][a-z0-9_]{0,31}:)?\d+")
_HINT = "mysqlops backup list shows RESTORABLE-TO of each backup"
MARGIN = timedelta(minutes=15)  # the most that clocks of one cluster should differ
_EXPECTED = "expected latest, a time such as 2026-11-25T10:30:00Z, a GTID such as UUID:42, or before-UUID:42"


@dataclass(frozen=True)
class Point:
    """`value` is the moment (UTC, ISO 8601, microseconds) or the GTID; empty for the latest."""

    kind: str
    value: str = ""

    def __str__(self) -> str:
        return {LATEST: LATEST, BEFORE: f"{_PREFIX}{self.value}"}.get(self.kind, self.value)


def parse(text: str) -> Point:
    """The point that `--to` names; raises ConfigError."""
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
        raise ConfigError(f"--to {text!r}: the time zone is missing; write {text}Z for UTC, or {text}+02:00")
    return Point(TIME, instant.precise(at))


def check(point: Point, backup: Backup, reach: binlog.Reach) -> None:
    """Raises Refused for a point to which this backup cannot be recovered."""
    if not reach.until:
        text = f"--to {point}: the target holds no binary logs that continue {backup.id}"
        why = f" ({reach.gap})" if reach.gap else ""
        raise Refused([Reason("no-binlogs", text + why, f"{_HINT}; mysqlops backup binlog start keeps them")])
    if point.kind == TIME:
        _check_time(point, backup, reach)
    elif point.kind in (GTID, BEFORE):
        wanted = GtidSet.parse(point.value)
        if wanted.is_subset(GtidSet.parse(backup.gtid)):
            raise _too_new(f"--to {point}: {backup.id} already holds that transaction")
        if not wanted.is_subset(reach.gtid):
            text = f"--to {point}: {backup.id} cannot be recovered to that transaction"
            raise Refused([Reason("out-of-reach", _because(text, reach.gap), _HINT)])


def _check_time(point: Point, backup: Backup, reach: binlog.Reach) -> None:
    if point.value < (holds_until := max(committed_until(backup), reach.within)):
        raise _too_new(f"--to {point}: {backup.id} may hold transactions that were committed until {holds_until}")
    if point.value > reach.until:
        text = f"--to {point}: {backup.id} can be recovered only to {reach.until}"
        raise Refused(
            [Reason("out-of-reach", _because(text, reach.gap), "--to latest applies everything that is stored")]
        )


def committed_until(backup: Backup) -> str:
    """The time after which no transaction in it was committed, by the clock of the committing server. Releases that did
    not record commit times: as late as clocks may differ."""
    return backup.committed or instant.precise(datetime.fromisoformat(backup.at) + MARGIN)


def _too_new(text: str) -> Refused:
    return Refused([Reason("out-of-reach", text, f"choose an older backup: {_HINT}")])


def _because(text: str, gap: str) -> str:
    return f"{text}; {gap}" if gap else text


def needed(point: Point, chunks: Iterable[binlog.Chunk]) -> list[binlog.Chunk]:
    """The chunks before the first one that begins after the point: the last transaction to apply is in one of them."""
    return list(takewhile(lambda one: point.kind != TIME or one.first <= point.value, chunks))


@dataclass(frozen=True)
class Replay:
    """The transactions to apply, the last of them, and the first one that is left out (None: all are applied)."""

    wanted: GtidSet
    last: Transaction | None
    stop: Transaction | None


def replay(point: Point, held: GtidSet, logged: Iterable[Transaction], chunks: Sequence[binlog.Chunk]) -> Replay:
    """`logged` is in the order of the logs of `chunks`. Chunks may overlap; transactions that are applied already are
    skipped, as the server does. Raises StorageError unless the logs hold everything that the chunks count, each chunk
    continuing the one before; Refused if the backup itself is past the point."""
    course = _Course(held, chunks)
    wanted, last, stop = held, None, None
    for transaction in _after(point, held, logged):
        if transaction.gtid in course.seen:
            continue
        if stop is not None and not course.lacks:
            break
        if not course.goes_on():
            # This chunk begins and was never received completely.
            return Replay(course.whole().subtract(held), last, transaction)
        if stop is None:
            if _is_past(point, transaction, last):
                stop, wanted = transaction, course.whole()
            else:
                last = transaction
        course.take(transaction.gtid)
    if course.lacks or (stop is None and course.goes_on()):
        raise StorageError(f"the binary logs are incomplete: {course.lacks} transactions that were counted are missing")
    return Replay((wanted if stop else course.whole()).subtract(held), last, stop)


def _after(point: Point, held: GtidSet, logged: Iterable[Transaction]) -> Iterator[Transaction]:
    """The transactions that the backup does not hold; raises Refused if it holds one that is past the point."""
    begun = Growing(held)
    for transaction in logged:
        if transaction.gtid not in begun:
            yield transaction
        elif point.kind == TIME and _is_past(point, transaction, None):
            raise _too_new(
                f"--to {point}: the backup holds {transaction.gtid}, committed {binlog.moment(transaction.committed)}"
            )


class _Course:
    """Which transactions must come next, according to the records of the chunks and not to the fetched files."""

    def __init__(self, held: GtidSet, chunks: Sequence[binlog.Chunk]) -> None:
        self.seen, self.lacks = Growing(held), 0  # of the chunk whose turn it is
        self._chunks, self._now = iter(chunks), Growing()

    def goes_on(self) -> bool:
        """Whether another transaction must follow; raises StorageError if the next chunk leaves a gap."""
        while not self.lacks and (chunk := next(self._chunks, None)):
            if missing := chunk.had.subtract(self.whole()):
                raise StorageError(f"the binary logs are incomplete: {missing}, before {chunk.id}, is missing")
            came = chunk.came.subtract(self.whole())
            self._now, self.lacks = Growing(came), came.count()
        return bool(self.lacks)

    def take(self, gtid: str) -> None:
        if gtid not in self._now:
            text = f"{gtid} comes before {self.lacks} transactions that must precede it"
            raise StorageError(f"the binary logs are incomplete: {text}")
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
