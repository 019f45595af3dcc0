"""GTID sets and their arithmetic, the same as the server's GTID_SUBSET and GTID_SUBTRACT.

Format: https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-concepts.html, tags (since 8.3) included:
`uuid:1-5:7:tag:1-3`. Equal sets prove nothing about rows (MySQL bugs 92690, 103641); they only order members.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mysqlops.errors import ConfigError

Interval = tuple[int, int]
Source = tuple[str, str]  # server or group UUID, and tag ("" if none)

_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_INTERVAL = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")  # the server's numbers have 63 bits


@dataclass(frozen=True)
class GtidSet:
    """An immutable set of GTIDs; `intervals` are closed, disjoint, sorted and never adjacent."""

    intervals: tuple[tuple[Source, tuple[Interval, ...]], ...] = ()

    @classmethod
    def parse(cls, text: str) -> GtidSet:
        """Read the text that `gtid_executed` shows; raises ConfigError for anything else."""
        found: dict[Source, list[Interval]] = {}
        for part in filter(None, (piece.strip() for piece in text.replace("\n", "").split(","))):
            uuid, *rest = (field.strip().lower() for field in part.split(":"))
            if not _UUID.fullmatch(uuid) or not rest:
                raise ConfigError(f"GTID set {text!r}: {part!r} is not UUID:INTERVAL")
            _collect(found, _dashed(uuid), rest, text)
        return cls._of(found)

    @classmethod
    def _of(cls, found: Mapping[Source, Iterable[Interval]]) -> GtidSet:
        merged = {source: _merge(intervals) for source, intervals in found.items()}
        return cls(tuple(sorted((source, spans) for source, spans in merged.items() if spans)))

    def __str__(self) -> str:
        texts: dict[str, list[str]] = {}
        for (uuid, tag), spans in self.intervals:
            fields = [f"{low}" if low == high else f"{low}-{high}" for low, high in spans]
            texts.setdefault(uuid, []).extend([tag, *fields] if tag else fields)
        return ",".join(":".join([uuid, *fields]) for uuid, fields in texts.items())

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def count(self) -> int:
        """How many transactions are in the set."""
        return sum(high - low + 1 for _, spans in self.intervals for low, high in spans)

    def union(self, other: GtidSet) -> GtidSet:
        found: dict[Source, list[Interval]] = {}
        for source, spans in (*self.intervals, *other.intervals):
            found.setdefault(source, []).extend(spans)
        return GtidSet._of(found)

    def subtract(self, other: GtidSet) -> GtidSet:
        theirs = dict(other.intervals)
        return GtidSet._of({source: _subtract(spans, theirs.get(source, ())) for source, spans in self.intervals})

    def common(self, other: GtidSet) -> GtidSet:
        return self.subtract(self.subtract(other))

    def beside(self, uuid: str) -> GtidSet:
        """All but what that server or group wrote."""
        return GtidSet(tuple(interval for interval in self.intervals if interval[0][0] != uuid))

    def is_subset(self, other: GtidSet) -> bool:
        theirs = dict(other.intervals)
        return all(_are_within(spans, theirs.get(source, ())) for source, spans in self.intervals)


def is_set(text: str) -> bool:
    """Whether the text is a GTID set."""
    try:
        GtidSet.parse(text)
    except ConfigError:
        return False
    return True


class Growing:
    """A set that grows by single GTIDs, mostly by the next number of one of a few blocks; millions of them take no more
    memory than their intervals."""

    def __init__(self, held: GtidSet = GtidSet()) -> None:
        self._spans = {source: list(spans) for source, spans in held.intervals}

    def add(self, gtid: str) -> bool:
        """False if the set had it already; `gtid` is a single GTID in the server's notation."""
        source, number = _single(gtid)
        spans = self._spans.setdefault(source, [])
        at = bisect_right(spans, (number, _NO_END))
        if at and spans[at - 1][1] >= number:
            return False
        if at and spans[at - 1][1] == number - 1:
            spans[at - 1] = (spans[at - 1][0], number)
        else:
            spans.insert(at, (number, number))
        return True

    def __contains__(self, gtid: str) -> bool:
        source, number = _single(gtid)
        spans = self._spans.get(source, [])
        at = bisect_right(spans, (number, _NO_END))
        return bool(at) and spans[at - 1][1] >= number

    def whole(self) -> GtidSet:
        return GtidSet._of(self._spans)


_NO_END = 1 << 63


def _single(gtid: str) -> tuple[Source, int]:
    before, _, number = gtid.rpartition(":")
    uuid, _, tag = before.partition(":")
    return (uuid, tag), int(number)


def _dashed(uuid: str) -> str:
    digits = uuid.replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _collect(found: dict[Source, list[Interval]], uuid: str, fields: list[str], text: str) -> None:
    tag = ""
    for field in fields:
        if _TAG.fullmatch(field):
            tag = field
            continue
        match = _INTERVAL.fullmatch(field)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if low < 1 or high < low:
            raise ConfigError(f"GTID set {text!r}: {field!r} is not an interval such as 1-5")
        found.setdefault((uuid, tag), []).append((low, high))


def _merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def _are_within(mine: Iterable[Interval], theirs: Sequence[Interval]) -> bool:
    """Intervals of a set are never adjacent: one that several of theirs would cover together does not exist."""
    for low, high in mine:
        at = bisect_right(theirs, (low, _NO_END))
        if not at or theirs[at - 1][1] < high:
            return False
    return True


def _subtract(mine: Iterable[Interval], theirs: Sequence[Interval]) -> list[Interval]:
    """Both are in order. Others may have written either with thousands of gaps, so neither is searched from its start
    for each interval of the other."""
    left: list[Interval] = []
    for first, high in mine:
        low, at = first, max(0, bisect_right(theirs, (first, _NO_END)) - 1)
        while at < len(theirs) and theirs[at][0] <= high:
            taken_low, taken_high = theirs[at]
            if taken_high >= low:
                if taken_low > low:
                    left.append((low, taken_low - 1))
                low = taken_high + 1
            at += 1
        if low <= high:
            left.append((low, high))
    return left
