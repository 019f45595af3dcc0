"""What a repository holds: backups and their verifications, as facts in the tags of restic's snapshots.

One call lists everything, nothing has to be rewritten (a repository may allow appending only), and a repository alone
is enough to restore from. A tag may hold no comma, hence the base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

Json = dict[str, Any]
FORMAT = 1
TAG = "mysqlops"  # on every snapshot of ours
_FACTS, _KIND = "facts:", "kind:"
BACKUP, VERIFICATION = "backup", "verification"
NONE, CHECKSUM, RESTORED, FAILED = "none", "checksum", "restored", "failed"


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
    # What the repository adds:
    target: str = ""
    snapshot: str = ""  # restic's id
    stored: int = 0  # bytes that it added to the repository
    store_seconds: float = 0.0
    verified: Verification | None = None

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
    why: str = ""  # what differed
    snapshot: str = ""


def new_id(cluster: str, now: datetime) -> str:
    """Of a backup that begins, or is complete, at that moment (UTC)."""
    return f"{cluster}-{now:%Y%m%d-%H%M%S}"


def tags(fact: Backup | Verification) -> list[str]:
    """The tags of its snapshot."""
    kind = BACKUP if isinstance(fact, Backup) else VERIFICATION
    text = json.dumps({"format": FORMAT, **asdict(fact)}, separators=(",", ":"))
    return [TAG, f"{_KIND}{kind}", f"{_FACTS}{base64.urlsafe_b64encode(text.encode()).decode()}"]


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
    return _verification(json.loads(checked))


def catalogue(snapshots: Sequence[Json], target: str = "") -> list[Backup]:
    """The backups in `restic snapshots --json`, the newest first, each with its last verification."""
    known = [(one, facts) for one in snapshots if (facts := _facts(one)) is not None]
    checks = [replace(_verification(facts), snapshot=one["id"]) for one, facts in known if _kind(one) == VERIFICATION]
    last = {one.of: one for one in sorted(checks, key=lambda one: one.at)}
    found = [
        replace(
            _backup(facts),
            target=target,
            snapshot=one["id"],
            stored=int(one.get("summary", {}).get("data_added_packed", 0)),
            store_seconds=_seconds(one.get("summary", {})),
            verified=last.get(facts["id"]),
        )
        for one, facts in known
        if _kind(one) == BACKUP
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)


def snapshots_of(snapshots: Sequence[Json], backups: Iterable[str]) -> list[str]:
    """restic's ids of these backups and of everything recorded about them."""
    wanted = set(backups)
    return [
        one["id"]
        for one in snapshots
        if (facts := _facts(one)) is not None and facts.get("of", facts.get("id")) in wanted
    ]


def _kind(snapshot: Json) -> str:
    return next((tag.removeprefix(_KIND) for tag in snapshot["tags"] if tag.startswith(_KIND)), "")


def _facts(snapshot: Json) -> Json | None:
    """None for what mysqlops did not write, or wrote in a later format."""
    for tag in snapshot.get("tags") or []:
        if tag.startswith(_FACTS):
            try:
                facts = json.loads(base64.urlsafe_b64decode(tag.removeprefix(_FACTS)))
            except ValueError:
                return None
            return facts if isinstance(facts, dict) and facts.get("format") == FORMAT else None
    return None


def _backup(facts: Json) -> Backup:
    return Backup(**{**_known(facts, Backup), "verified": None})


def _verification(facts: Json) -> Verification:
    return Verification(**_known(facts, Verification))


def _known(facts: Json, kind: type) -> Json:
    return {key: value for key, value in facts.items() if key in kind.__dataclass_fields__}  # type: ignore[attr-defined]


def _seconds(summary: Json) -> float:
    if "backup_start" not in summary:
        return 0.0
    start, end = (datetime.fromisoformat(summary[key]) for key in ("backup_start", "backup_end"))
    return (end - start).total_seconds()
