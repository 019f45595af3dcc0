"""The point to which a backup is brought forward: which transactions that takes, in the order of the logs. Pure.

The order of commits decides, never the order of numbers: each member of a group gives out numbers of a block of its own
(group_replication_gtid_assignment_block_size), so after a failover they jump.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mysqlops.core import binlog
from mysqlops.core.gtid import Growing, GtidSet
from mysqlops.core.relay_log import Transaction
from mysqlops.errors import ConfigError, Reason, Refused

LATEST, TIME, GTID, BEFORE = "latest", "time", "gtid", "before-gtid"
_PREFIX = "before-"
_ONE_GTID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}:([a-z_][a-z0-9_]{0,31}:)?\d+")
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
    return Point(TIME, f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")


def check(point: Point, backup_id: str, held: GtidSet, at: str, reach: binlog.Reach) -> None:
    """Raises Refused for a point that this backup cannot be brought to."""
    hint = "mysqlops backup list shows RESTORABLE-TO of each"
    if not reach.until:
        text = f"--to {point}: the target holds no binary logs that continue {backup_id}"
        why = f" ({reach.gap})" if reach.gap else ""
        raise Refused([Reason("no-binlogs", text + why, f"{hint}; mysqlops backup binlog start keeps them")])
    if point.kind == TIME and point.value < at:
        text = f"--to {point}: {backup_id} is of {at} already"
        raise Refused([Reason("out-of-reach", text, f"choose an older backup: {hint}")])
    if point.kind == TIME and point.value > reach.until:
        text = f"--to {point}: {backup_id} can be brought to {reach.until}"
        raise Refused([Reason("out-of-reach", _because(text, reach.gap), "--to latest takes all that is there")])
    if point.kind in (GTID, BEFORE):
        wanted = GtidSet.parse(point.value)
        if wanted.is_subset(held):
            text = f"--to {point}: {backup_id} holds that transaction already"
            raise Refused([Reason("out-of-reach", text, f"choose an older backup: {hint}")])
        if not wanted.is_subset(reach.gtid):
            text = f"--to {point}: that transaction is not among those that {backup_id} can be brought to"
            raise Refused([Reason("out-of-reach", _because(text, reach.gap), hint)])


def _because(text: str, gap: str) -> str:
    return f"{text}; {gap}" if gap else text


def needed(point: Point, chunks: Iterable[binlog.Chunk]) -> list[binlog.Chunk]:
    """Those without the ones that begin after a moment."""
    return [one for one in chunks if point.kind != TIME or one.first <= point.value]


@dataclass(frozen=True)
class Replay:
    """Which transactions are to be applied, the last of them, and the first one that is not (None: it is all)."""

    wanted: GtidSet
    last: Transaction | None
    stop: Transaction | None


def replay(point: Point, held: GtidSet, logged: Iterable[Transaction], reach: GtidSet) -> Replay:
    """`logged` in the order of the logs. Chunks may overlap; what is there already is skipped, as the server does. What
    is not in `reach`, which the chunks count, is the beginning of a transaction that was never received whole."""
    seen, whole = Growing(held), Growing(reach)
    last: Transaction | None = None
    for one in logged:
        if one.gtid in seen:
            continue
        if one.gtid not in whole or _is_past(point, one, last):
            return Replay(seen.whole().subtract(held), last, one)
        seen.add(one.gtid)
        last = one
    return Replay(seen.whole().subtract(held), last, None)


def _is_past(point: Point, one: Transaction, last: Transaction | None) -> bool:
    if point.kind == TIME:
        return binlog.moment(one.committed) > point.value
    if point.kind == BEFORE:
        return one.gtid == point.value
    return point.kind == GTID and last is not None and last.gtid == point.value
