"""What a repository holds: backups and their verifications, as facts (core/facts.py)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mysqlops.core import facts
from mysqlops.core.gtid import GtidSet

Json = dict[str, Any]
BACKUP, VERIFICATION = "backup", "verification"
NONE, CHECKSUM, RESTORED, FAILED = "none", "checksum", "restored", "failed"
ARCHIVE, SNAPSHOT, LOGICAL = "archive", "snapshot", "logical"


@dataclass(frozen=True)
class Backup:
    """One backup as its Job recorded it; times are UTC, ISO 8601, sizes bytes, durations seconds."""

    id: str
    cluster: str
    namespace: str
    origin: str  # the UID of the cluster's Secret: another cluster of the same name is not this one
    method: str
    member: str
    role: str
    server_version: str
    gtid: str
    binlog: str  # FILE:POSITION on the member
    at: str  # the moment that a restore brings back
    seconds: float  # of the copy and its check
    size: int  # of the data directory
    tables: int
    rows: int
    checked: str  # NONE or CHECKSUM: whether every table of the copy was read before it was stored
    storage_size: str
    volume_snapshot: str = ""  # of the namespace: it holds the data, the repository only what is known of it
    group: str = ""  # the name under which the cluster counted transactions then (core/timeline.py)
    committed: str = ""  # no transaction in it is later, by the clock of its server (UTC, microseconds); empty: unknown
    # What the repository adds:
    target: str = ""
    snapshot: str = ""  # restic's id
    stored: int = 0  # bytes that it added to the repository
    store_seconds: float = 0.0
    verified: Verification | None = None
    restorable_to: str = ""  # with the binary logs there; empty: only to `at`

    @property
    def level(self) -> str:
        """How far it is proven: FAILED, RESTORED, CHECKSUM or NONE."""
        return self.checked if self.verified is None else RESTORED if self.verified.ok else FAILED

    @property
    def where(self) -> str:
        return f"{self.namespace}/{self.cluster}"


@dataclass(frozen=True)
class Verification:
    """A backup that was restored, started and compared."""

    of: str
    at: str
    ok: bool
    seconds: float  # to fetch and start it: what a restore costs
    why: str = ""  # what differed, or why nothing could be compared
    snapshot: str = ""


# Of a server that was told to end, or killed for its memory: that says nothing about the data.
_ENDED_FROM_OUTSIDE = ("", "0", "137", "143")


def blames_data(*, is_refused: bool, ended: str, is_full: bool) -> bool:
    """Whether a verification that could not be done shows that the backup is bad: the server refused to read it, or
    ended over it with the exit status `ended`, and not because its volume is full."""
    return not is_full and (is_refused or ended not in _ENDED_FROM_OUTSIDE)


def new_id(cluster: str, now: datetime) -> str:
    """Of a backup that begins, or is complete, at that moment (UTC)."""
    return f"{cluster}-{now:%Y%m%d-%H%M%S}"


def tags(fact: Backup | Verification) -> list[str]:
    """The tags of its snapshot."""
    return facts.tags(BACKUP if isinstance(fact, Backup) else VERIFICATION, fact)


def told(copied: str, stored: str) -> Backup:
    """What the last lines of a Job's steps say of the backup that it made: its facts, and restic's summary."""
    summary = json.loads(stored)
    return replace(
        _backup(json.loads(copied)),
        snapshot=summary["snapshot_id"],
        stored=int(summary.get("data_added_packed", 0)),
        store_seconds=float(summary.get("total_duration", 0.0)),
    )


def told_verification(checked: str) -> Verification:
    return facts.make(Verification, json.loads(checked))


def catalogue(snapshots: Sequence[Json], target: str = "") -> list[Backup]:
    """The backups in `restic snapshots --json`, the newest first, each with its last verification."""
    checks = [
        replace(facts.make(Verification, told), snapshot=one["id"])
        for one, told in facts.of_kind(snapshots, VERIFICATION)
    ]
    last = {one.of: one for one in sorted(checks, key=lambda one: one.at)}
    found = [
        replace(
            _backup(told),
            target=target,
            snapshot=one["id"],
            stored=int(one.get("summary", {}).get("data_added_packed", 0)),
            store_seconds=_seconds(one.get("summary", {})),
            verified=last.get(told["id"]),
        )
        for one, told in facts.of_kind(snapshots, BACKUP)
    ]
    return newest_first(found)


def newest_first(backups: Iterable[Backup]) -> list[Backup]:
    """What holds all of another backup of the same cluster, and more, is newer, whatever the clocks of their Jobs said;
    time orders only what GTIDs do not: equal sets, and histories that went different ways."""
    dated: list[tuple[str, GtidSet, Backup]] = []
    pairs = [(GtidSet.parse(one.gtid), one) for one in backups]
    for held, one in sorted(pairs, key=lambda pair: pair[0].count()):
        later = (
            at
            for at, less, other in dated
            if at > one.at and other.origin == one.origin and less != held and less.is_subset(held)
        )
        dated.append((max(later, default=one.at), held, one))
    dated.sort(key=lambda row: (row[0], row[1].count(), row[2].at), reverse=True)
    return [one for _, _, one in dated]


def snapshots_of(snapshots: Sequence[Json], backups: Iterable[str]) -> list[str]:
    """restic's ids of these backups and of everything recorded about them."""
    wanted = set(backups)
    made = [one["id"] for one, told in facts.of_kind(snapshots, BACKUP) if told["id"] in wanted]
    return made + [one["id"] for one, told in facts.of_kind(snapshots, VERIFICATION) if told["of"] in wanted]


def _backup(told: Json) -> Backup:
    return replace(facts.make(Backup, told), verified=None)


def _seconds(summary: Json) -> float:
    if "backup_start" not in summary:
        return 0.0
    start, end = (datetime.fromisoformat(summary[key]) for key in ("backup_start", "backup_end"))
    return (end - start).total_seconds()
