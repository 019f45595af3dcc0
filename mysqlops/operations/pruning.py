"""Remove backups, and the binary logs that only they needed: one command at a time on each target (operations/lock.py),
and nothing that a backup in the making needs (core/making.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mysqlops import errors
from mysqlops.core import backup, binlog, group, instant, making, names, ownership, retention, snapshot_notes, timeline
from mysqlops.core.owner import Owner
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import backup as jobs_of_backups
from mysqlops.objects import schedule
from mysqlops.operations import backup as backups
from mysqlops.operations import fresh, leases, lock, readers, restic, signing, targets, timeline_notes
from mysqlops.operations.session import Session
from mysqlops.planning import status

_FORGETS = ("forget", "--prune")  # of restic, as commands run it
_MAKERS = ("create", schedule.BACKUP)  # LABEL_STEPS of a Job of `backup create`, and of one of a schedule


@dataclass(frozen=True)
class Left:
    """What a run that was killed has not removed with its backups: records in the repository, VolumeSnapshots."""

    records: tuple[str, ...] = ()
    volume_snapshots: tuple[Json, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.records or self.volume_snapshots)


def prune(session: Session, name: str, target: Target, policy: retention.Policy) -> list[backup.Backup]:
    """Remove the cluster's own backups that the policy does not keep, and what an earlier run left of such; raises
    OperationLocked, StorageError."""
    with lock.holding(session, lock.of_target(target), "backup prune"):
        at = instant.text(session.clock.now())
        gone = prune_plan(session, name, target, policy)
        remove(session, target, gone, backups.owner(session, name), decided_at=at)
        if marked := _marked(session, target, name):
            _delete_snapshots(session, _unlisted(marked, backups.catalogue(session, target)))
    return gone


def delete(session: Session, target: Target, backup_id: str) -> None:
    """Remove one backup, or what an earlier run left of it; raises Refused, OperationLocked, StorageError."""
    with lock.holding(session, lock.of_target(target), "backup delete"):
        at = instant.text(session.clock.now())
        chosen, left = delete_plan(session, target, backup_id)
        if chosen is not None:
            remove(session, target, [chosen], decided_at=at)
        if left.records:
            _forget(session, target, left.records)
        _delete_snapshots(session, left.volume_snapshots)


def prune_plan(session: Session, name: str, target: Target, policy: retention.Policy) -> list[backup.Backup]:
    """The cluster's own backups that the policy does not keep; raises Refused while a Job removes others."""
    own = backups.owner(session, name)
    running = _pruning(session, target)  # one may end while the target is read
    listed = [stored for stored in backups.catalogue(session, target) if stored.owner == own]
    has_key = bool(signing.key_of(session.client, name))
    under_way = in_the_making(session, target, name)
    over = retention.expired(listed, policy, session.clock.now(), has_key=has_key)
    found = [stored for stored in over if not under_way.spares(stored)]
    if found:
        read = readers.look(session, target)
        found = [stored for stored in found if read.why(stored) is None]
        _check_alone([*running, *_pruning(session, target)], name)
    return found


def delete_plan(session: Session, target: Target, backup_id: str) -> tuple[backup.Backup | None, Left]:
    """The backup, or what an earlier run has left of it; raises Refused if there is neither, and as `check_delete`."""
    running = _pruning(session, target)  # one may end while the target is read
    listed = backups.catalogue(session, target)
    if all(stored.id != backup_id for stored in listed):
        records = backup.left_of(restic.snapshots(session, target), backup_id)
        marked = _marked(session, target, backup_id.rpartition("-")[0].rpartition("-")[0])
        found = [snapshot for snapshot in _unlisted(marked, listed) if snapshot["metadata"]["name"] == backup_id]
        if left := Left(tuple(records), tuple(found)):
            return None, left
    chosen = check_delete(session, target, listed, backup_id)
    _check_alone([*running, *_pruning(session, target)], chosen.cluster)
    return chosen, Left()


def check_delete(session: Session, target: Target, listed: list[backup.Backup], backup_id: str) -> backup.Backup:
    """Raises Refused for the last backup of its history that is known to be good, for one that is being made, and for
    one that a restore reads."""
    chosen = backups.pick(listed, target, backup_id)
    _check_complete(session, target, chosen)
    if (reason := readers.look(session, target).why(chosen)) is not None:
        raise Refused([reason])
    has_key = bool(signing.key_of(session.client, chosen.cluster))
    own = [stored for stored in listed if stored.owner == chosen.owner]
    own = retention.counting(own, session.clock.now(), has_key=has_key)
    own = own if chosen in own else [*own, chosen]
    if why := retention.irreplaceable(chosen, own, histories(session, chosen)):
        history = f", in the history {chosen.group}" if chosen.group else ""
        text = f"{chosen.id} is the {' and the '.join(why)} good backup of {chosen.where}{history}"
        raise Refused([Reason("last-good-backup", text, "make and verify a newer one first: mysqlops backup create")])
    return chosen


def _check_complete(session: Session, target: Target, chosen: backup.Backup) -> None:
    """Raises Refused if a Job that runs may have stored this entry and not sealed it yet."""
    running = _running(session, target, chosen.cluster)
    if running and making.Making(min(map(_since, running))).spares(chosen):
        text = (
            f"{chosen.id} may be the backup that is being made: {', '.join(job['metadata']['name'] for job in running)}"
        )
        raise Refused([Reason("backup-under-way", text, "wait until it has ended: kubectl get jobs")])


def _check_alone(running: Sequence[Json], cluster: str) -> None:
    """Raises Refused while a Job of the same cluster, or of a command, removes backups: each would judge by what the
    other is removing, and a verification that came between the two looks would count for one only. One that a command
    runs has no cluster's label: it removes backups of any."""
    if found := {job["metadata"]["name"] for job in running if ownership.label_of(job) in ("", cluster)}:
        text = f"Job {', '.join(sorted(found))} may be removing backups"
        raise Refused([Reason("backup-under-way", text, "wait until it has ended: kubectl get jobs")])


def _pruning(session: Session, target: Target) -> list[Json]:
    """The Jobs that remove backups in the end, whatever else they do. A schedule's take no lock of the target, and a
    command's go on when it is killed, waiting for restic's lock if need be: its entry is listed until they are done."""
    return [job for job in targets.jobs_of(session.client, target) if _removes(job["spec"]["template"]["spec"])]


def _removes(pod: Json) -> bool:
    containers = [*pod.get("initContainers", []), *pod.get("containers", [])]
    return any(
        container.get("name") == jobs_of_backups.FORGET.name or {*_FORGETS} <= {*(container.get("command") or [])}
        for container in containers
    )


def in_the_making(session: Session, target: Target, cluster: str) -> making.Making:
    """What the backups of a cluster to this target need that are being made."""
    found = [*_running(session, target, cluster), *_unrecorded(session, cluster)]
    return making.at_most(session.clock.now(), map(_since, found))


def _running(session: Session, target: Target, cluster: str) -> list[Json]:
    """The Jobs that make backups, whether a command or a schedule began them."""
    labels = names.selector(cluster).items()
    listed = targets.jobs_of(session.client, target)
    own = [job for job in listed if labels <= (job["metadata"].get("labels") or {}).items()]
    return [job for job in own if job["metadata"]["labels"].get(names.LABEL_STEPS) in _MAKERS]


def _unrecorded(session: Session, cluster: str) -> list[Json]:
    """The volume snapshots that no catalogue lists yet."""
    listed = _snapshots_of(session, cluster)
    return [snapshot for snapshot in listed if names.ANNOTATION_PENDING in status.annotations_of(snapshot)]


def _snapshots_of(session: Session, cluster: str) -> list[Json]:
    """Those that mysqlops made of the cluster; none if the API server does not serve them."""
    try:
        return session.client.list("VolumeSnapshot", f"{names.selector_text(cluster)},{names.LABEL_STEPS}=snapshot")
    except errors.NotFound:
        return []


def _since(found: Json) -> datetime:
    return datetime.fromisoformat(found["metadata"]["creationTimestamp"])


def histories(session: Session, chosen: backup.Backup) -> set[str]:
    """The names of the histories that the backup's cluster is in or can go back to; empty if unknown."""
    lease = leases.find(session.client, chosen.cluster)
    here = session.client.namespace
    if lease is None or (lease["metadata"]["uid"], here) != (chosen.origin, chosen.namespace):
        return set()
    annotations = timeline_notes.newest(session.client, chosen.cluster)
    if group.note_of(annotations).garbled:
        return set()
    swap, history = timeline.swap_of(annotations), timeline.history_of(annotations)
    ways = [swap.old, swap.new] if swap else []
    ways += [way for way in (history.now, history.before) if way] if history else []
    return {timeline_notes.group_name(session.client, chosen.cluster, annotations), *(way.group for way in ways)}


def remove(session: Session, target: Target, gone: list[backup.Backup], *owners: Owner, decided_at: str) -> None:
    """Forget them, delete the binary logs that only they needed, and free the space that only they used: all in one
    run, since one after another would lock the repository longer. The logs of `owners` are judged in any case. Raises
    Refused and StepFailed if others may have removed backups since the decision."""
    snapshots = restic.snapshots(session, target)
    ids = backup.snapshots_of(snapshots, gone)
    going = {stored.snapshot for stored in gone}
    keys = signing.keys(session, snapshots)
    # Judged by sealed entries: logs that a signed backup needs are not deleted because unsigned ones hold the same.
    stays = [stored for stored in backup.catalogue(snapshots, keys=keys) if stored.snapshot not in going]
    for own in {*owners, *(stored.owner for stored in gone)}:
        since = in_the_making(session, target, own[1]).logs_since
        kept = [stored for stored in stays if stored.owner == own]
        ids += binlog.not_needed(snapshots, kept, own, keys, since=since)
    # A run that was killed before it sealed its entry stored a second one of the same volume.
    needed = {_volume(stored) for stored in stays}
    volumes = [stored for stored in gone if _has_own_volume(session, stored) and _volume(stored) not in needed]
    _check_still(session, target, gone, decided_at)
    for stored in volumes:
        _mark(session, target, stored)
    if ids:
        _forget(session, target, ids)
    for stored in volumes:
        # Only after the backup is forgotten: a listed backup must exist.
        _delete_snapshot(session, stored)


def _check_still(session: Session, target: Target, gone: Sequence[backup.Backup], decided_at: str) -> None:
    """The target was looked at twice since, each time by a Job. A schedule's Job that begins now makes a backup before
    it removes any."""
    spared = f"nothing is removed from target {target.name}"
    fresh.check(session, spared, decided_at, looks_seconds=2.0 * session.timeout_seconds)
    running, read = _pruning(session, target), readers.look(session, target)
    for cluster in {stored.cluster for stored in gone}:
        _check_alone(running, cluster)
    if reasons := [why for stored in gone if (why := read.why(stored)) is not None]:
        raise Refused(reasons)


def _forget(session: Session, target: Target, ids: Sequence[str]) -> None:
    restic.run(session, target, "--retry-lock", "2m", *_FORGETS, *ids)


def _has_own_volume(session: Session, one: backup.Backup) -> bool:
    return bool(one.volume_snapshot) and one.namespace == session.client.namespace and one.signed != backup.UNKNOWN


def _volume(one: backup.Backup) -> tuple[str, str]:
    return one.namespace, one.volume_snapshot


def _mark(session: Session, target: Target, one: backup.Backup) -> None:
    """Note what is about to happen: once the entry is gone, nothing else says so."""
    if found := backups.own_snapshot(session, one):
        annotations = {snapshot_notes.ANNOTATION_DELETING: target.name}
        change = {"metadata": {"uid": found["metadata"]["uid"], "annotations": annotations}}
        session.client.patch("VolumeSnapshot", one.volume_snapshot, change)


def _marked(session: Session, target: Target, cluster: str) -> list[Json]:
    """The VolumeSnapshots of a cluster that a killed run was deleting."""
    listed = _snapshots_of(session, cluster) if names.is_cluster_name(cluster) else []
    mark = snapshot_notes.ANNOTATION_DELETING
    return [snapshot for snapshot in listed if status.annotations_of(snapshot).get(mark) == target.name]


def _unlisted(marked: Sequence[Json], catalogue: Sequence[backup.Backup]) -> list[Json]:
    """Those whose entries are gone from the target."""
    listed = {stored.volume_snapshot for stored in catalogue}
    return [snapshot for snapshot in marked if snapshot["metadata"]["name"] not in listed]


def _delete_snapshots(session: Session, found: Sequence[Json]) -> None:
    for snapshot in found:
        session.client.delete("VolumeSnapshot", snapshot["metadata"]["name"], uid=snapshot["metadata"]["uid"])


def _delete_snapshot(session: Session, one: backup.Backup) -> None:
    if found := backups.own_snapshot(session, one):
        session.client.delete("VolumeSnapshot", one.volume_snapshot, uid=found["metadata"]["uid"])
    elif session.client.find("VolumeSnapshot", one.volume_snapshot) is not None:
        session.progress.warn(f"VolumeSnapshot {one.volume_snapshot} was not made for {one.id}: it stays")
