"""Which entries of a repository match each other, and in which order backups are shown, in about the time that reading
them takes: whoever may write to a repository can put tens of thousands there. Pure."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mysqlops.core import facts
from mysqlops.core.gtid import GtidSet
from mysqlops.core.typed import Json

if TYPE_CHECKING:
    from mysqlops.core.backup import Backup, Binding, Verification

_Place = tuple[str, str, str]  # a backup's id, what the check names, and its value
_MOST_LATER = 100  # backups with a later time that may turn out to be older


def newest_first(backups: Iterable[Backup]) -> list[Backup]:
    """A backup that holds everything of another one of the same cluster, and more, is newer, whatever the clocks of
    their Jobs said. Time orders only what GTIDs do not: equal sets, histories that diverged, and what nobody signed
    beside what is signed."""
    rows = defaultdict[Any, list[tuple[str, int, GtidSet]]](list)  # of one cluster, by their times
    known: dict[tuple[Any, str, str], str] = {}
    dated: list[tuple[str, int, str, Backup]] = []
    pairs = [(GtidSet.parse(backup.gtid), backup) for backup in backups]
    for number, (held, one) in enumerate(sorted(pairs, key=lambda pair: pair[0].count())):
        whose = one.owner, one.signed
        if (key := (whose, one.at, one.gtid)) not in known:
            known[key] = _date(one.at, held, rows[whose])
            insort(rows[whose], (known[key], number, held))
        dated.append((known[key], held.count(), one.at, one))
    dated.sort(key=lambda row: row[:3], reverse=True)
    return [row[3] for row in dated]


def _date(at: str, held: GtidSet, rows: Sequence[tuple[str, int, GtidSet]]) -> str:
    for looked, (later, _, less) in enumerate(reversed(rows)):
        if later <= at or looked == _MOST_LATER:
            break
        if less != held and less.is_subset(held):
            return later
    return at


class Checks:
    """The verifications in a repository, the newest last. `key_of` says with which known key an entry of a cluster is
    sealed."""

    def __init__(self, found: Sequence[tuple[Json, Verification]], key_of: Callable[[Json, str, str], str]) -> None:
        self._key_of = key_of
        self._newest: dict[Any, tuple[int, Verification] | None] = {}
        self._of: dict[_Place, list[tuple[int, Json, Verification]]] = defaultdict(list)
        for number, (entry, one) in enumerate(found):
            self._of[one.of, "snapshot", one.of_snapshot].append((number, entry, one))
            if one.tree:
                self._of[one.of, "tree", one.tree].append((number, entry, one))

    def last(self, made: Backup, tree: Any, *, is_sealed: bool) -> Verification | None:
        """The last check of the same files. For a sealed backup, only one with its own cluster's seal: no
        neighbour's."""
        places = {(made.id, "snapshot", ""), (made.id, "snapshot", made.snapshot)}
        if isinstance(tree, str) and tree:
            places.add((made.id, "tree", tree))
        whose = (made.cluster, made.namespace) if is_sealed else None
        found = [one for place in places if (one := self._last_in(place, whose)) is not None]
        return max(found, key=lambda one: one[0])[1] if found else None

    def _last_in(self, place: _Place, whose: tuple[str, str] | None) -> tuple[int, Verification] | None:
        if (place, whose) not in self._newest:
            counting = (
                (number, one)
                for number, entry, one in reversed(self._of.get(place, ()))
                if whose is None or self._key_of(entry, *whose)
            )
            self._newest[place, whose] = next(counting, None)
        return self._newest[place, whose]


class Bindings:
    """Which backups are bound to their files, and by which key's seal."""

    def __init__(self, found: Iterable[tuple[Json, Binding | None]]) -> None:
        self._of, self._known = defaultdict[Any, list[Json]](list), dict[Any, bool]()
        for entry, one in found:
            self._of[one].append(entry)

    def has(self, wanted: Binding, key: str) -> bool:
        if (wanted, key) not in self._known:
            self._known[wanted, key] = any(facts.is_sealed_with(entry, key) for entry in self._of.get(wanted, ()))
        return self._known[wanted, key]
