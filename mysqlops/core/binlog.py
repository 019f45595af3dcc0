"""The binary logs that a repository holds, chunk by chunk, and how far a backup can be brought forward with them. Pure.

A chunk is what a receiver got since it began or since it last let go: whole relay logs of the server, in one snapshot
that is stored again as it grows. A chunk continues the one before if that, or the backup, holds all that it began with.

What comes before what is decided by GTID sets: one history is one row of commits, so of two of its states one includes
the other. Neither ids nor times order anything: primaries and receivers run on nodes whose clocks differ.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from mysqlops.core import facts, gtid, names, typed
from mysqlops.core.backup import FACTS, FAILED, SIGNED, UNSIGNED, Backup, Keys
from mysqlops.core.gtid import GtidSet
from mysqlops.errors import StorageError

Json = dict[str, Any]
CHUNK = "binlog"


@dataclass(frozen=True)
class Chunk:
    """`before` and `gtid` are GTID sets: what the receiver had when it began, and what came since. Moments are UTC, ISO
    8601 with microseconds, each by the clock of the primary that committed; what the primary of its end committed until
    `until` is in `before` or in `gtid`."""

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
    number: int = 0  # larger than that of every chunk that its receiver knew of when it began; 0 before there were any
    revision: int = 0  # counts the states of it that were stored
    files: int = 0  # relay logs in it
    digest: str = ""  # of them, in their order (`chained`)
    signed: str = UNSIGNED  # as of a backup
    snapshot: str = ""  # restic's id

    @property
    def history(self) -> tuple[str, str]:
        return self.origin, self.group

    @cached_property
    def had(self) -> GtidSet:
        return GtidSet.parse(self.before)

    @cached_property
    def came(self) -> GtidSet:
        return GtidSet.parse(self.gtid)

    @cached_property
    def after(self) -> GtidSet:
        """All that the receiver had at its end."""
        return self.had.union(self.came)


@dataclass(frozen=True)
class Reach:
    """What a backup becomes with the chunks: to `until` (empty: there are none), and why not further. `within` is the
    latest commit that the backup holds, as far as the chunks show."""

    chunks: tuple[Chunk, ...] = ()
    gtid: GtidSet = field(default_factory=GtidSet)
    until: str = ""
    gap: str = ""
    within: str = ""


def moment(microseconds: int) -> str:
    """Since 1970, as the chunks write it."""
    return f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def just_before(commit: str) -> str:
    """The last moment of which a stored commit shows, whatever is stored later, what comes before it."""
    return moment(round(datetime.fromisoformat(commit).timestamp() * 1e6) - 1) if commit else ""


def tags(chunk: Chunk, key: str = "") -> list[str]:
    return facts.tags(CHUNK, chunk, key)


def chained(digest: str, file: bytes | mmap.mmap) -> str:
    """The digest of the files so far and one more."""
    return hashlib.sha256(f"{digest}{hashlib.sha256(file).hexdigest()}".encode()).hexdigest()


def chunks(snapshots: Sequence[Json], keys: Keys | None = None) -> list[Chunk]:
    """Those in `restic snapshots --json`, history by history, each in its order; of each chunk its last state, of those
    that are sealed if any is."""
    newest: dict[str, Chunk] = {}
    for chunk in _all(snapshots, keys):
        known = newest.get(chunk.id)
        if known is None or _state(chunk) >= _state(known):
            newest[chunk.id] = chunk
    begins: dict[tuple[str, str], tuple[int, str]] = {}
    for chunk in newest.values():
        begin = (chunk.number, chunk.first or chunk.until)
        begins[chunk.history] = min(begin, begins.get(chunk.history, begin))
    # Which history is shown first decides nothing.
    shown = sorted(begins, key=lambda one: (one[0], *begins[one]))
    return [one for history in shown for one in ordered(one for one in newest.values() if one.history == history)]


def _state(chunk: Chunk) -> tuple[bool, int, int, str]:
    return chunk.signed == SIGNED, chunk.transactions, chunk.revision, chunk.until


def ordered(there: Iterable[Chunk]) -> list[Chunk]:
    """Chunks of one history: what is included comes first, and an included set has fewer transactions."""
    return sorted(there, key=lambda one: (one.had.count(), one.after.count(), one.number, one.id))


def superseded(snapshots: Sequence[Json], keys: Keys | None = None) -> list[str]:
    """The snapshots of earlier states of chunks. One that says the same as the newest may be the real one, and the
    other its copy: both stay, and their digests tell."""
    newest = {one.id: _state(one) for one in chunks(snapshots, keys)}
    return [one.snapshot for one in _all(snapshots, keys) if _state(one) < newest[one.id]]


def _all(snapshots: Sequence[Json], keys: Keys | None = None) -> list[Chunk]:
    """But for what is none: anybody with the repository's password may have written it."""
    keys = keys or Keys()
    found = [(one, typed.make(Chunk, told)) for one, told in facts.of_kind(snapshots, CHUNK)]
    return [
        replace(chunk, snapshot=one["id"], signed=keys.signed(one, chunk.cluster, chunk.namespace))
        for one, chunk in found
        if chunk is not None and _is_sound(chunk)
    ]


def _is_sound(chunk: Chunk) -> bool:
    moments = all(names.is_moment(one) for one in (chunk.first, chunk.last, chunk.until) if one)
    return moments and gtid.is_set(chunk.before) and gtid.is_set(chunk.gtid)


def reach(backup: Backup, there: Iterable[Chunk]) -> Reach:
    """How far this backup can be brought. Only chunks of its own history count: of the same group's name; and with a
    backup that is sealed, or of which the facts are, only those that are."""
    history = backup.origin, backup.group
    counting = [one for one in there if backup.signed not in (SIGNED, FACTS) or one.signed == SIGNED]
    own = ordered(one for one in counting if backup.group and one.history == history)
    held = begun = GtidSet.parse(backup.gtid)
    used: list[Chunk] = []
    left, tried = own, -1
    while len(used) != tried:
        tried, rest = len(used), []
        for one in left:
            if _continues(one, held):
                used.append(one)
                held = held.union(one.came)
            elif not one.after.is_subset(held):
                rest.append(one)
        left = rest
    gap = _gap(left[0], held) if left else ""
    until = max([*(just_before(one.last) for one in used), _complete_until(own, held)])
    within = max((_within(one, begun) for one in own), default="")
    return Reach(tuple(used), held, until, gap, within)


def _within(chunk: Chunk, held: GtidSet) -> str:
    """A moment that some commit in it has reached which is held."""
    new = chunk.came.subtract(held)
    return chunk.last if not new else "" if new == chunk.came else chunk.first


def _continues(chunk: Chunk, held: GtidSet) -> bool:
    """It brings something new, begins with nothing else than what is held, and knows all that is held: a receiver that
    was cut off may have stored what the history does not have."""
    return chunk.had.is_subset(held) and held.is_subset(chunk.after) and not chunk.came.is_subset(held)


def _gap(chunk: Chunk, held: GtidSet) -> str:
    if missing := chunk.had.subtract(held):
        return f"{missing.count()} transactions before {chunk.first or chunk.until} are nowhere: {missing}"
    foreign = held.subtract(chunk.after)
    return f"{foreign.count()} transactions are not in the history that {chunk.id} continues: {foreign}"


def _complete_until(own: Iterable[Chunk], held: GtidSet) -> str:
    """What the last primary said when it had committed just this. Of two that end alike the one that began with the
    other in sight says it; of two that did not know of each other, the earlier time is safe."""
    ends = [one for one in own if one.after == held]
    last = max((one.number for one in ends), default=0)
    return min((one.until for one in ends if one.number == last), default="")


def can_reach_now(now: Chunk, backups: Iterable[Backup], there: Sequence[Chunk]) -> bool:
    """Whether a good backup can be brought to the end of `now`, which a receiver is filling."""
    chunks = [one for one in there if one.id != now.id]
    for one in backups:
        if one.level == FAILED or (one.origin, one.group) != now.history:
            continue
        if now.after.is_subset(reach(one, [*chunks, now]).gtid):
            return True
    return False


def continued(there: Sequence[Chunk]) -> dict[str, bool | None]:
    """Of each chunk by id: whether those before it in the same history reach to it; None of the first."""
    found: dict[str, bool | None] = {}
    furthest: dict[tuple[str, str], Chunk] = {}
    for one in there:
        before = furthest.get(one.history)
        found[one.id] = None if before is None else one.had.is_subset(before.after)
        if before is None or before.after.is_subset(one.after):
            furthest[one.history] = one
    return found


def with_reach(backups: Sequence[Backup], there: Sequence[Chunk]) -> list[Backup]:
    """Each with how far it can be brought, if that is further than what it holds."""
    return [replace(one, restorable_to=_beyond(one, reach(one, there))) for one in backups]


def _beyond(backup: Backup, found: Reach) -> str:
    return found.until if found.chunks or found.until > _as_moment(backup.at) else ""


def _as_moment(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def not_needed(snapshots: Sequence[Json], kept: Sequence[Backup], origin: str, keys: Keys | None = None) -> list[str]:
    """The snapshots of a cluster's chunks that none of the kept backups needs, and of earlier states. Where a history
    ends its chunks stay: a receiver goes on from there, also after a restore that goes back to it."""
    there = chunks(snapshots, keys)
    # Also what an older release's receiver stored, which the user may take: but not instead of what is sealed.
    either = [one for backup in kept for one in {backup.signed: backup, "": replace(backup, signed="")}.values()]
    needed = {chunk.id for backup in either for chunk in reach(backup, there).chunks}
    own = [one for one in there if one.origin == origin]
    needed.update(one.id for one in own if not any(_goes_further(other, one) for other in reversed(own)))
    current = {one.id: _state(one) for one in own if one.id in needed}
    return [
        one.snapshot
        for one in _all(snapshots, keys)
        if one.origin == origin and (one.id not in current or _state(one) < current[one.id])
    ]


def _goes_further(other: Chunk, one: Chunk) -> bool:
    return other.history == one.history and other.after != one.after and one.after.is_subset(other.after)


@dataclass(frozen=True)
class Report:
    """What a receiver says of itself in its Lease; `until` is the moment up to which the target can bring a backup."""

    at: str
    until: str
    target: str
    every: float
    transactions: int = 0
    size: int = 0
    trouble: str = ""
    gap: str = ""


def report_of(annotations: Mapping[str, str]) -> Report | None:
    """None if there is none yet, or nobody can read it."""
    try:
        found = json.loads(annotations.get(names.ANNOTATION_BINLOG) or "null")
        return None if found is None else facts.make(Report, found)
    except (ValueError, StorageError):
        return None
