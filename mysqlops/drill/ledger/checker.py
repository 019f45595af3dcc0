"""What clients were told against what every member holds, row by row. Equal GTID sets would prove nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mysqlops.drill.ledger import journal
from mysqlops.drill.ledger.journal import Line
from mysqlops.drill.model import Row, Verdict

_Key = tuple[str, int]


def check(lines: Iterable[Line], held: Mapping[str, Sequence[Row]], digest: str = "") -> Verdict:
    """The verdict; `held` has the rows of every member. Without any, the clients' words alone are counted."""
    writes = journal.writes(lines)
    tokens = {(line.who, line.number): line.text for line in writes if line.kind == journal.INTENT}
    told = _told(writes)
    if not held:
        return Verdict(*_counts(told), digest=digest)
    everywhere = set.intersection(*(set(rows) for rows in held.values()))
    anywhere = set[Row]().union(*held.values())
    acknowledged = [key for key, kind in told.items() if kind == journal.ACKNOWLEDGED]
    return Verdict(
        *_counts(told),
        lost=tuple(sorted((*key, tokens.get(key, "")) for key in acknowledged if _row(key, tokens) not in everywhere)),
        ghosts=tuple(sorted(row for row in anywhere if _is_ghost(row, told, tokens))),
        diverged=tuple(sorted(anywhere - everywhere)),
        duplicates=tuple(sorted({row for rows in held.values() for row in _twice(rows)})),
        digest=digest,
    )


def _counts(told: Mapping[_Key, str]) -> tuple[int, int, int]:
    """Acknowledged, refused, unknown."""
    kinds = list(told.values())
    unknown = sum(kind in (journal.INTENT, journal.UNKNOWN) for kind in kinds)
    return kinds.count(journal.ACKNOWLEDGED), kinds.count(journal.REFUSED), unknown


def _told(writes: Sequence[Line]) -> dict[_Key, str]:
    """The last word on each write. An acknowledgement stands: nothing that follows takes it back."""
    told: dict[_Key, str] = {}
    for line in writes:
        key = (line.who, line.number)
        if told.get(key) != journal.ACKNOWLEDGED and not (line.kind == journal.INTENT and key in told):
            told[key] = line.kind
    return told


def _row(key: _Key, tokens: Mapping[_Key, str]) -> Row:
    return (*key, tokens.get(key, ""))


def _is_ghost(row: Row, told: Mapping[_Key, str], tokens: Mapping[_Key, str]) -> bool:
    """Refused for certain, never sent, or sent with another content."""
    key = row[:2]
    return told.get(key, journal.REFUSED) == journal.REFUSED or tokens.get(key) != row[2]


def _twice(rows: Sequence[Row]) -> list[Row]:
    counted = Counter(row[:2] for row in rows)
    return [row for row in rows if counted[row[:2]] > 1]
