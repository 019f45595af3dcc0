"""Compares acknowledged writes with every member's rows, row by row. Equal GTID sets would prove nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mysqlops.drill.ledger import journal
from mysqlops.drill.ledger.journal import Line
from mysqlops.drill.model import Row, Verdict

_Key = tuple[str, int]


def check(lines: Iterable[Line], held: Mapping[str, Sequence[Row]], digest: str = "") -> Verdict:
    """The verdict; `held` has the rows of every member. Without rows, only the clients' journals are counted."""
    writes = journal.writes(lines)
    tokens = {(line.who, line.number): line.text for line in writes if line.kind == journal.INTENT}
    outcomes = _outcomes(writes)
    if not held:
        return Verdict(*_counts(outcomes), digest=digest)
    everywhere = set.intersection(*(set(rows) for rows in held.values()))
    anywhere = set[Row]().union(*held.values())
    acknowledged = [key for key, kind in outcomes.items() if kind == journal.ACKNOWLEDGED]
    return Verdict(
        *_counts(outcomes),
        lost=tuple(sorted((*key, tokens.get(key, "")) for key in acknowledged if _row(key, tokens) not in everywhere)),
        ghosts=tuple(sorted(row for row in anywhere if _is_ghost(row, outcomes, tokens))),
        diverged=tuple(sorted(anywhere - everywhere)),
        duplicates=tuple(sorted({row for rows in held.values() for row in _twice(rows)})),
        digest=digest,
    )


def _counts(outcomes: Mapping[_Key, str]) -> tuple[int, int, int]:
    """Acknowledged, refused, unknown."""
    kinds = list(outcomes.values())
    unknown = sum(kind in (journal.INTENT, journal.UNKNOWN) for kind in kinds)
    return kinds.count(journal.ACKNOWLEDGED), kinds.count(journal.REFUSED), unknown


def _outcomes(writes: Sequence[Line]) -> dict[_Key, str]:
    """The final outcome of each write. An acknowledgement is final: no later line revokes it."""
    outcomes: dict[_Key, str] = {}
    for line in writes:
        key = (line.who, line.number)
        if outcomes.get(key) != journal.ACKNOWLEDGED and not (line.kind == journal.INTENT and key in outcomes):
            outcomes[key] = line.kind
    return outcomes


def _row(key: _Key, tokens: Mapping[_Key, str]) -> Row:
    return (*key, tokens.get(key, ""))


def _is_ghost(row: Row, outcomes: Mapping[_Key, str], tokens: Mapping[_Key, str]) -> bool:
    """True for a row that was refused for certain, never sent, or sent with other content."""
    key = row[:2]
    return outcomes.get(key, journal.REFUSED) == journal.REFUSED or tokens.get(key) != row[2]


def _twice(rows: Sequence[Row]) -> list[Row]:
    counted = Counter(row[:2] for row in rows)
    return [row for row in rows if counted[row[:2]] > 1]
