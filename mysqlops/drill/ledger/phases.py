"""The times of events: from the watcher's view of the pods, and the clients' view of the members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops.core import names, view
from mysqlops.core.typed import Json
from mysqlops.drill.ledger import figures, journal
from mysqlops.drill.ledger.journal import Line

_BIN_SECONDS = 0.1
_BEFORE_SECONDS = 3.0
_AFTER_SECONDS = 4.0


@dataclass(frozen=True)
class Sight:
    """One member's pod as the API server showed it, at a moment of the watcher's clock."""

    at: float
    member: str
    label: str  # the role label, "" if there is none
    state: str  # as its agent published it
    group: frozenset[str]  # the members that it published as its group


@dataclass(frozen=True)
class Phases:
    """Seconds since the fault; None if it was not seen."""

    detection: float | None = None
    election: float | None = None
    label: float | None = None


def of(sights: Sequence[Sight], lines: Iterable[Line], since: float, primary: str) -> Phases:
    after = [sight for sight in sights if sight.at > since]
    before = {sight.member: sight for sight in sights if sight.at <= since}
    detection = next((sight.at for sight in after if _lost_somebody(sight, before)), None)
    label = next(
        (
            sight.at
            for sight in after
            if sight.member != primary and sight.label == names.ROLE_PRIMARY and _was_not(sight, before)
        ),
        None,
    )
    election = next(
        (line.at for line in _in_order(lines) if line.at > since and _took_over(line, primary)),
        None,
    )
    return Phases(*(None if at is None else at - since for at in (detection, election, label)))


def _lost_somebody(sight: Sight, before: Mapping[str, Sight]) -> bool:
    """A member publishes a smaller group than the one it was in."""
    known = before.get(sight.member)
    return known is not None and bool(sight.group) and bool(known.group - sight.group)


def _was_not(sight: Sight, before: Mapping[str, Sight]) -> bool:
    known = before.get(sight.member)
    return known is None or known.label != names.ROLE_PRIMARY


def _took_over(line: Line, primary: str) -> bool:
    return line.kind == journal.WRITABLE and line.who != primary


def _in_order(lines: Iterable[Line]) -> list[Line]:
    return sorted(journal.sights(lines), key=lambda line: line.at)


def whole(sights: Sequence[Sight], since: float, members: Sequence[str]) -> float | None:
    """Seconds until every member was ONLINE in the whole group again; 0 if no member was ever seen otherwise. None if
    that was not seen, for example because the API server was down."""
    latest: dict[str, Sight] = {}
    last = 0.0
    is_whole = True
    for sight in sights:
        latest[sight.member] = sight
        before, is_whole = is_whole, all(_is_in(latest.get(member), members) for member in members)
        if sight.at > since and is_whole and not before:
            last = sight.at - since
    return last if is_whole else None


def _is_in(sight: Sight | None, members: Sequence[str]) -> bool:
    return sight is not None and sight.state == view.ONLINE and sight.group >= set(members)


def timeline(lines: Sequence[Line], since: float, until: float, events: Sequence[tuple[float, str]]) -> Json:
    """The chart's data: acknowledged writes for each tenth of a second, each member's role, and the events."""
    start = -_BEFORE_SECONDS
    count = max(1, int((min(until - since, _last(lines, since)) + _AFTER_SECONDS - start) / _BIN_SECONDS))
    writes, refused = [0] * count, [0] * count
    for line in figures.of_main(journal.writes(lines)):
        place = int((line.at - since - start) // _BIN_SECONDS)
        if 0 <= place < count and line.kind != journal.INTENT:
            (writes if line.kind == journal.ACKNOWLEDGED else refused)[place] += 1
    end = start + count * _BIN_SECONDS
    shown = [[round(at - since, 3), text] for at, text in sorted(events) if at - since <= end]
    return {
        "from": start,
        "step": _BIN_SECONDS,
        "writes": writes,
        "errors": refused,
        "events": shown,
        "members": {who: _bands(lines, who, since, start, end) for who in _members(lines)},
    }


def _last(lines: Sequence[Line], since: float) -> float:
    return max((line.at - since for line in journal.writes(lines)), default=0.0)


def _members(lines: Iterable[Line]) -> list[str]:
    return sorted({line.who for line in journal.sights(lines)})


def _bands(lines: Iterable[Line], who: str, since: float, start: float, end: float) -> list[list[Any]]:
    """Spans in which the member gave the same answer: [from, to, kind]."""
    bands: list[list[Any]] = []
    for line in _in_order(lines):
        at = round(line.at - since, 2)
        if line.who != who or not start <= at <= end:
            continue
        if bands and bands[-1][2] == line.kind:
            bands[-1][1] = at
        else:
            if bands:
                bands[-1][1] = at
            bands.append([at, at, line.kind])
    return bands
