"""The binary logs that a repository holds, chunk by chunk, and how far a backup can be recovered with them. Pure.

A chunk is what a receiver got since it started or last closed a chunk: whole relay logs of the server, in one snapshot
that is stored again as it grows. A chunk continues the previous one if that, or the backup, holds all it began with.

GTID sets decide the order: one history is one sequence of commits, so of any two of its states one includes the other.
Neither ids nor times order anything: primaries and receivers run on nodes whose clocks differ.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

from mysqlops.core import facts, gtid, instant, names, typed
from mysqlops.core.backup import FACTS, FAILED, SIGNED, UNSIGNED, Backup, Keys
from mysqlops.core.gtid import GtidSet
from mysqlops.core.owner import Owned, Owner
from mysqlops.core.typed import Json

CHUNK = "binlog"


@dataclass(frozen=True)
class Chunk(Owned):
    """`before` and `gtid` are GTID sets: what the receiver had when it began, and what it has received since. Times are
    UTC, ISO 8601 with microseconds, each by the clock of the primary that committed; everything that the last primary
    committed until `until` is in `before` or in `gtid`."""

    id: str
    cluster: str
    namespace: str
    origin: str
    group: str
    before: str
    gtid: str = ""
    transactions: int = 0
    size: int = 0  # bytes
    first: str = ""  # the earliest commit in it
    last: str = ""  # the latest
    until: str = ""
    number: int = 0  # larger than that of every chunk its receiver knew at its start; 0 in older releases
    revision: int = 0  # how often it was stored
    files: int = 0  # relay logs in it
    digest: str = ""  # of these files, in their order (`chained`)
    signed: str = UNSIGNED  # as of a backup
    snapshot: str = ""  # restic's id

    @property
    def key(self) -> tuple[Owner, str]:
        """Another cluster's chunk may have the same id."""
        return self.owner, self.id

    @cached_property
    def had(self) -> GtidSet:
        return GtidSet.parse(self.before)

    @cached_property
    def came(self) -> GtidSet:
        return GtidSet.parse(self.gtid)

    @cached_property
    def after(self) -> GtidSet:
        """Everything that the receiver had at the end of the chunk."""
        return self.had.union(self.came)


@dataclass(frozen=True)
class Reach:
    """How far the chunks bring a backup: until `until` (empty: there are none), and why not further. `within` is the
    latest commit that the backup holds, as far as the chunks show."""

    chunks: tuple[Chunk, ...] = ()
    gtid: GtidSet = field(default_factory=GtidSet)
    until: str = ""
    gap: str = ""
    within: str = ""


def moment(microseconds: int) -> str:
    """Microseconds since 1970 in the notation of the chunks."""
    return instant.precise(datetime.fromtimestamp(microseconds / 1e6, UTC))


def just_before(commit: str) -> str:
    """The last moment before a stored commit: nothing that is stored later can be earlier."""
    return moment(round(datetime.fromisoformat(commit).timestamp() * 1e6) - 1) if commit else ""


def tags(chunk: Chunk, key: str = "") -> list[str]:
    return facts.tags(CHUNK, chunk, key)


def chained(digest: str, file: bytes | mmap.mmap) -> str:
    """The digest of the files so far and one more."""
    return hashlib.sha256(f"{digest}{hashlib.sha256(file).hexdigest()}".encode()).hexdigest()


def chunks(snapshots: Sequence[Json], keys: Keys | None = None) -> list[Chunk]:
    """The chunks in `restic snapshots --json`, history by history, each in its order; of each chunk the last state, or
    the last sealed state if any is sealed."""
    newest: dict[tuple[Owner, str], Chunk] = {}
    for chunk in _all(snapshots, keys):
        if _state(chunk) >= _state(newest.get(chunk.key, chunk)):
            newest[chunk.key] = chunk
    histories = by_history(newest.values())
    begins = {key: min((one.number, one.first or one.until) for one in some) for key, some in histories.items()}
    # The order of the histories decides nothing.
    shown = sorted(begins, key=lambda one: (one[0], *begins[one]))
    return [chunk for history in shown for chunk in ordered(histories[history])]


def by_history(stored: Iterable[Chunk]) -> dict[tuple[Owner, str], list[Chunk]]:
    found: dict[tuple[Owner, str], list[Chunk]] = {}
    for chunk in stored:
        found.setdefault(chunk.history, []).append(chunk)
    return found


def _state(chunk: Chunk) -> tuple[bool, int, int, str]:
    return chunk.signed == SIGNED, chunk.transactions, chunk.revision, chunk.until


def ordered(stored: Iterable[Chunk]) -> list[Chunk]:
    """Chunks of one history in order: an included set comes first, and has fewer transactions."""
    return sorted(stored, key=lambda one: (one.had.count(), one.after.count(), one.number, one.id))


def superseded(snapshots: Sequence[Json], keys: Keys | None = None) -> list[str]:
    """The snapshots of earlier states of chunks. If two claim the same state, one may be a forged copy of the other:
    both stay, and their digests decide."""
    newest = {chunk.key: _state(chunk) for chunk in chunks(snapshots, keys)}
    return [chunk.snapshot for chunk in _all(snapshots, keys) if _state(chunk) < newest[chunk.key]]


def _all(snapshots: Sequence[Json], keys: Keys | None = None) -> list[Chunk]:
    """All valid chunks: anybody with the repository's password may have written others."""
    keys = keys or Keys()
    found = [(one, typed.make(Chunk, fact)) for one, fact in facts.of_kind(snapshots, CHUNK)]
    return [
        replace(chunk, snapshot=one["id"], signed=keys.signed(one, chunk.cluster, chunk.namespace))
        for one, chunk in found
        if chunk is not None and _is_sound(chunk)
    ]


def claiming(snapshots: Sequence[Json], keys: Keys | None = None) -> dict[Chunk, list[str]]:
    """restic's ids of all snapshots that show the same facts: the digest of the files in them decides."""
    found: dict[Chunk, list[str]] = {}
    for chunk in _all(snapshots, keys):
        found.setdefault(replace(chunk, snapshot=""), []).append(chunk.snapshot)
    return found


def _is_sound(chunk: Chunk) -> bool:
    moments = all(names.is_moment(at) for at in (chunk.first, chunk.last, chunk.until) if at)
    return moments and gtid.is_set(chunk.before) and gtid.is_set(chunk.gtid)


def reach(backup: Backup, stored: Iterable[Chunk]) -> Reach:
    """How far this backup can be recovered. Only chunks of its own history count, those with the same group name; for a
    backup that is sealed, or whose facts are, only sealed chunks count."""
    counting = [chunk for chunk in stored if backup.signed not in (SIGNED, FACTS) or chunk.signed == SIGNED]
    own = ordered(chunk for chunk in counting if backup.group and chunk.history == backup.history)
    held = begun = GtidSet.parse(backup.gtid)
    used: list[Chunk] = []
    left, tried = own, -1
    while len(used) != tried:
        tried, rest = len(used), []
        for chunk in left:
            if _continues(chunk, held):
                used.append(chunk)
                held = held.union(chunk.came)
            elif not chunk.after.is_subset(held):
                rest.append(chunk)
        left = rest
    gap = _gap(left[0], held) if left else ""
    until = max([*(just_before(chunk.last) for chunk in used), _complete_until(own, held)])
    within = max((_within(chunk, begun) for chunk in own), default="")
    return Reach(tuple(used), held, until, gap, within)


def _within(chunk: Chunk, held: GtidSet) -> str:
    """The latest time that a commit of the chunk shows to be within the held set."""
    new = chunk.came.subtract(held)
    return chunk.last if not new else "" if new == chunk.came else chunk.first


def _continues(chunk: Chunk, held: GtidSet) -> bool:
    """Whether the chunk adds something, begins with nothing but what is held, and includes all that is held: a receiver
    that was cut off may have stored transactions that the history does not have."""
    return chunk.had.is_subset(held) and held.is_subset(chunk.after) and not chunk.came.is_subset(held)


def _gap(chunk: Chunk, held: GtidSet) -> str:
    if missing := chunk.had.subtract(held):
        return f"{missing.count()} transactions before {chunk.first or chunk.until} are stored nowhere: {missing}"
    foreign = held.subtract(chunk.after)
    return f"{foreign.count()} transactions are not in the history that {chunk.id} continues: {foreign}"


def _complete_until(own: Iterable[Chunk], held: GtidSet) -> str:
    """The time of the last primary when it had committed exactly this set. Of two chunks with the same end, the one
    that knew of the other decides; if neither knew, the earlier time is safe."""
    ends = [chunk for chunk in own if chunk.after == held]
    last = max((chunk.number for chunk in ends), default=0)
    return min((chunk.until for chunk in ends if chunk.number == last), default="")


def can_reach_now(now: Chunk, backups: Iterable[Backup], stored: Sequence[Chunk]) -> bool:
    """Whether a good backup can be recovered to the end of `now`, which a receiver is filling."""
    chunks = [chunk for chunk in stored if chunk.key != now.key]
    for backup in backups:
        if backup.level == FAILED or backup.history != now.history:
            continue
        if now.after.is_subset(reach(backup, [*chunks, now]).gtid):
            return True
    return False


def continued(stored: Sequence[Chunk]) -> dict[tuple[Owner, str], bool | None]:
    """For the key of each chunk, whether the earlier chunks of its history reach it; None for the first."""
    found: dict[tuple[Owner, str], bool | None] = {}
    furthest: dict[tuple[Owner, str], Chunk] = {}
    for chunk in stored:
        before = furthest.get(chunk.history)
        found[chunk.key] = None if before is None else chunk.had.is_subset(before.after)
        if before is None or before.after.is_subset(chunk.after):
            furthest[chunk.history] = chunk
    return found


def with_reach(backups: Sequence[Backup], stored: Sequence[Chunk]) -> list[Backup]:
    """Each backup with the time it can be recovered to, if that is later than what it holds."""
    histories = by_history(stored)
    reached = ((one, reach(one, histories.get(one.history, ()))) for one in backups)
    return [replace(backup, restorable_to=_beyond(backup, found)) for backup, found in reached]


def _beyond(backup: Backup, found: Reach) -> str:
    return found.until if found.chunks or found.until > _as_moment(backup.at) else ""


def _as_moment(at: str) -> str:
    return instant.precise(datetime.fromisoformat(at))


def not_needed(
    snapshots: Sequence[Json], kept: Sequence[Backup], owner: Owner, keys: Keys | None = None, *, since: datetime
) -> list[str]:
    """The snapshots of a cluster's chunks that none of the kept backups needs, and of earlier states. The last chunks
    of each history stay: a receiver continues from there, also after a restore that returns to it. So do those that
    end later than `since` (core/making.py): a backup that nobody lists yet may need them."""
    held = chunks(snapshots, keys)
    # Chunks of an older release count too, because a user may choose them, but never in place of sealed ones.
    either = [stored for backup in kept for stored in {backup.signed: backup, "": replace(backup, signed="")}.values()]
    needed = {chunk.key for backup in either for chunk in reach(backup, held).chunks}
    own = [chunk for chunk in held if chunk.owner == owner]
    needed.update(chunk.key for chunk in own if not any(_goes_further(other, chunk) for other in reversed(own)))
    needed.update(chunk.key for chunk in own if not _ended_before(chunk, since))
    current = {chunk.key: _state(chunk) for chunk in own if chunk.key in needed}
    return [
        chunk.snapshot
        for chunk in _all(snapshots, keys)
        if chunk.owner == owner and (chunk.key not in current or _state(chunk) < current[chunk.key])
    ]


def _ended_before(one: Chunk, since: datetime) -> bool:
    return all(datetime.fromisoformat(at) < since for at in (one.last, one.until) if at)


def _goes_further(other: Chunk, one: Chunk) -> bool:
    return other.history == one.history and other.after != one.after and one.after.is_subset(other.after)


@dataclass(frozen=True)
class Report:
    """What a receiver reports in its Lease; `until` is the time to which the target can recover a backup."""

    at: str
    until: str
    target: str
    every: float
    transactions: int = 0
    size: int = 0
    trouble: str = ""
    gap: str = ""


def report_of(annotations: Mapping[str, str]) -> Report | None:
    """None if there is none yet, or it cannot be read: whoever has the receiver's token may write anything."""
    found = typed.make(Report, typed.json_of(annotations.get(names.ANNOTATION_BINLOG)))
    return found if found is None or not found.until or names.is_moment(found.until) else None
