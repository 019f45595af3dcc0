"""What a repository holds: backups and their verifications, as facts (core/facts.py)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from mysqlops.core import facts, gtid, names, quantity, typed
from mysqlops.core.backup_order import Bindings, Checks, newest_first
from mysqlops.core.owner import Owned
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError, StorageError

BACKUP, VERIFICATION, BINDING = "backup", "verification", "binding"
NONE, CHECKSUM, RESTORED, FAILED = "none", "checksum", "restored", "failed"
ARCHIVE, SNAPSHOT, LOGICAL = "archive", "snapshot", "logical"
# Whether a known key made the seal; UNKNOWN is a seal of another cluster, or of one whose Secret is lost. With FACTS
# only the facts are sealed, not the files: an older release made the backup, or a run was killed before it sealed the
# files, or somebody stored other files under copied tags.
SIGNED, FACTS, UNSIGNED, UNKNOWN = "yes", "facts", "no", "unknown"
_MOMENT = re.compile(r"[0-9]{8}-[0-9]{6}")  # of `new_id`
_TREE = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[-0-9A-Za-z._]{0,253}")


@dataclass(frozen=True)
class Keys:
    """The keys of the clusters of a namespace, by name, and others that the user trusts for any."""

    namespace: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()

    def signed(self, snapshot: Json, cluster: str, namespace: str) -> str:
        """Whether an entry of that cluster is signed: another cluster's key does not count."""
        if self.key_of(snapshot, cluster, namespace):
            return SIGNED
        return UNKNOWN if facts.is_signed(snapshot) else UNSIGNED

    def key_of(self, snapshot: Json, cluster: str, namespace: str) -> str:
        """The key that made the seal of that cluster's entry; empty if no known key did."""
        own = self.keys.get(cluster, "") if namespace == self.namespace else ""
        return next((key for key in (own, *self.trusted) if facts.is_sealed_with(snapshot, key)), "")


@dataclass(frozen=True)
class Backup(Owned):
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
    volume_snapshot: str = ""  # in the namespace: it holds the data, and the repository only the facts
    group: str = ""  # the name under which the cluster counted transactions at that time (core/timeline.py)
    manifest: str = ""  # SHA-256 of manifest.json, which holds the checksums of all tables; empty in older releases
    committed: str = ""  # the latest commit in it, by the clock of its server (UTC, microseconds); empty: unknown
    zones: str = ""  # whose named time zones the server held (core/zones.py)
    # What the repository adds:
    signed: str = UNSIGNED
    key_secret: str = ""  # the Secret with the key that sealed it
    target: str = ""
    snapshot: str = ""  # restic's id
    stored: int = 0  # bytes that it added to the repository
    store_seconds: float = 0.0
    verified: Verification | None = None
    restorable_to: str = ""  # with the binary logs there; empty: only to `at`

    @property
    def level(self) -> str:
        """How far it is verified: FAILED, RESTORED, CHECKSUM or NONE."""
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
    tables: int = 0  # that were compared
    rows: int = 0
    of_snapshot: str = ""  # restic's id of what was restored; empty in older releases
    tree: str = ""  # of that snapshot: a copy of it is as good, or as bad
    snapshot: str = ""


@dataclass(frozen=True)
class Binding:
    """Binds a backup to its files by restic's tree: the digest of all names, modes and bytes. It is known only once the
    files are stored, hence the separate entry. It uses the tree and not restic's snapshot id, because `restic copy` and
    `restic tag` make another snapshot of the same files."""

    of: str
    tree: str
    entry: str  # the digest of the backup's own entry


def new_id(cluster: str, now: datetime) -> str:
    """The id of a backup that starts, or is complete, at that moment (UTC)."""
    return f"{cluster}-{now:%Y%m%d-%H%M%S}"


def tags(fact: Backup | Verification | Binding, key: str = "") -> list[str]:
    """The tags of its snapshot."""
    return facts.tags(_KINDS[type(fact)], fact, key)


_KINDS = {Backup: BACKUP, Verification: VERIFICATION, Binding: BINDING}


def binding(stored: Json) -> Binding:
    """The binding of a backup that restic has just stored; raises StorageError if it stored none."""
    fact = next((fact for _, fact in facts.of_kind([stored], BACKUP)), None)
    tree = stored.get("tree")
    if fact is None or not isinstance(tree, str) or not _TREE.fullmatch(tree):
        raise StorageError("the stored snapshot holds no backup, or has no tree")
    return Binding(_backup(fact).id, tree, facts.digest(stored))


def digest(manifest: bytes) -> str:
    return hashlib.sha256(manifest).hexdigest()


def of_steps(copied: str, stored: str) -> Backup:
    """The backup that a Job made, from the last lines of its steps; raises StorageError if they cannot be read."""
    summary = typed.object_of(stored)
    if not isinstance(summary.get("snapshot_id"), str):
        raise StorageError("the log of the Job cannot be read; `mysqlops backup list` shows what it stored")
    said = facts.summary(summary)
    found, size, seconds = _backup(typed.object_of(copied)), said.data_added_packed, said.total_duration
    return replace(found, snapshot=summary["snapshot_id"], stored=size, store_seconds=seconds)


def verification_of_step(checked: str) -> Verification:
    return facts.make(Verification, typed.json_of(checked))


def compared(checked: str) -> Verification | None:
    """What a Job's comparison found, None if another run of the step did the work."""
    return typed.make(Verification, typed.json_of(checked))


def catalogue(snapshots: Sequence[Json], target: str = "", keys: Keys | None = None) -> list[Backup]:
    """The backups in `restic snapshots --json`, the newest first, each with its last verification. Entries that are not
    valid are left out: anybody with the repository's password may have written them. For a backup that is sealed with a
    known key, only sealed verifications count."""
    keys = keys or Keys()
    checks = Checks(_verifications(snapshots), keys.key_of)
    bindings = Bindings((one, typed.make(Binding, fact)) for one, fact in facts.of_kind(snapshots, BINDING))
    found = []
    for one, fact in facts.of_kind(snapshots, BACKUP):
        made = typed.make(Backup, {**fact, "verified": None, "signed": UNSIGNED})
        if made is None or not _is_sound(made):
            continue
        summary = facts.summary(one.get("summary"))
        made = replace(
            made,
            signed=_signed(one, made, keys, bindings),
            target=target,
            snapshot=one["id"],
            stored=summary.data_added_packed,
            store_seconds=_seconds(summary),
        )
        is_sealed = made.signed in (SIGNED, FACTS)
        found.append(replace(made, verified=checks.last(made, one.get("tree"), is_sealed=is_sealed)))
    return newest_first(found)


def _signed(one: Json, made: Backup, keys: Keys, bindings: Bindings) -> str:
    if not (key := keys.key_of(one, made.cluster, made.namespace)):
        return keys.signed(one, made.cluster, made.namespace)
    wanted = Binding(made.id, str(one.get("tree")), facts.digest(one))
    return SIGNED if bindings.has(wanted, key) else FACTS


def trees(snapshots: Sequence[Json]) -> dict[str, str]:
    """restic's tree of each snapshot, by its id."""
    return {one["id"]: one["tree"] for one in snapshots if isinstance(one.get("tree"), str)}


def _verifications(snapshots: Sequence[Json]) -> list[tuple[Json, Verification]]:
    """Each verification with its entry; the newest last."""
    found, files = [], trees(snapshots)
    for one, fact in facts.of_kind(snapshots, VERIFICATION):
        made = typed.make(Verification, fact)
        if made is not None and names.is_moment(made.at):
            found.append((one, replace(made, snapshot=one["id"], tree=made.tree or files.get(made.of_snapshot, ""))))
    return sorted(found, key=lambda pair: pair[1].at)


def _is_sound(made: Backup) -> bool:
    """Whether each fact is in its range: names become names of objects, and parts of paths and hints."""
    try:
        names.check_cluster_name(made.cluster)
        names.check_namespace(made.namespace)
        quantity.parse_bytes(made.storage_size)
    except ConfigError:
        return False
    labels = (made.origin, made.member, made.role, made.volume_snapshot, made.group, made.zones)
    return (
        made.id.startswith(f"{made.cluster}-")
        and bool(_MOMENT.fullmatch(made.id.removeprefix(f"{made.cluster}-")))
        and all(_WORD.fullmatch(word) for word in labels)
        and (made.method in (ARCHIVE, SNAPSHOT, LOGICAL) and made.checked in (NONE, CHECKSUM))
        and (names.is_moment(made.at) and (not made.committed or names.is_moment(made.committed)))
        and gtid.is_set(made.gtid)
    )


def check(made: Backup) -> None:
    """Before it is stored: raises StorageError for facts that no catalogue would take, as the members gave them."""
    if typed.trouble(Backup, asdict(made)) or not _is_sound(made):
        raise StorageError(f"the facts of {made.id} are out of range: no command would find it in the target")


def snapshots_of(snapshots: Sequence[Json], gone: Iterable[Backup]) -> list[str]:
    """restic's ids of exactly these entries and their records: another entry may have the same backup id."""
    made = {backup.snapshot: backup.id for backup in gone}
    stays = {str(fact.get("id")) for one, fact in facts.of_kind(snapshots, BACKUP) if one["id"] not in made}
    return [*made, *_records(snapshots, set(made.values()) - stays)]


def left_of(snapshots: Sequence[Json], backup_id: str) -> list[str]:
    """restic's ids of the records of a backup whose entry is gone: a run that removed it was killed meanwhile."""
    is_there = any(fact.get("id") == backup_id for _, fact in facts.of_kind(snapshots, BACKUP))
    return [] if is_there else _records(snapshots, {backup_id})


def _records(snapshots: Sequence[Json], of: Collection[str]) -> list[str]:
    kinds = (VERIFICATION, BINDING)
    return [one["id"] for kind in kinds for one, fact in facts.of_kind(snapshots, kind) if str(fact.get("of")) in of]


def _backup(fact: Json) -> Backup:
    return facts.make(Backup, {**fact, "verified": None, "signed": UNSIGNED})


def _seconds(summary: facts.Summary) -> float:
    start, end = summary.backup_start, summary.backup_end
    if not (names.is_moment(start) and names.is_moment(end)):
        return 0.0
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
