"""Who reads a backup, or will once a killed command is run again. Such a backup is not removed: a restore in place
whose backup is gone has only the way back left. A Job of a schedule sees nobody, and heeds restic's locks alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mysqlops.core import names, ordered, ownership, timeline
from mysqlops.core.backup import Backup
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.objects import pods
from mysqlops.operations import targets
from mysqlops.operations.session import Session
from mysqlops.planning import restore, status


@dataclass(frozen=True)
class Readers:
    """Who reads what of a target: by restic's id of the entry, as Jobs name it, and by the backup's id, as notes do."""

    by_snapshot: dict[str, str]
    by_id: dict[str, Reason]

    def why(self, one: Backup) -> Reason | None:
        """Why this backup stays; None if nobody reads it."""
        if (job := self.by_snapshot.get(one.snapshot)) is not None:
            text = f"Job {job} reads {one.id}"
            return Reason("backup-in-use", text, "wait until it has ended: kubectl get jobs")
        return self.by_id.get(one.id)


def look(session: Session, target: Target) -> Readers:
    found: dict[str, str] = {}
    for job in targets.jobs_of(session.client, target):
        found |= dict.fromkeys(_read_by(job), str(job["metadata"]["name"]))
    leases = session.client.list("Lease", names.OURS)
    running = {one["metadata"]["name"] for one in session.client.list("StatefulSet", names.OURS)}
    claims = [
        one
        for one in session.client.list("PersistentVolumeClaim", names.OURS)
        if ownership.label_of(one) not in running
    ]
    return Readers(found, {**_noted_on(leases), **_noted_on_claims(claims)})


def _read_by(job: Json) -> list[str]:
    """restic's ids of what a Job restores, verifies, rehearses or exports."""
    specs = pods.specs(job["spec"]["template"])
    given = [one["value"] for spec in specs for one in spec.get("env") or [] if one["name"] == "SNAPSHOT"]
    exported = [word for spec in specs if spec["name"] == "export" for word in spec.get("command") or []]
    return [*given, *exported]


def _noted_on(leases: Iterable[Json]) -> dict[str, Reason]:
    """Restores in place, and onto members, that are not finished."""
    found: dict[str, Reason] = {}
    for lease in leases:
        name, annotations = ownership.label_of(lease), status.annotations_of(lease)
        swap = timeline.swap_of(annotations)
        if swap is not None and swap.backup:
            found[swap.backup] = _reason(restore.open_swap(name, swap))
        for pod, backup in sorted(ordered.filling(annotations).items()):
            found[backup] = _reason(restore.open_filling(name, pod, backup))
    return found


def _noted_on_claims(claims: Iterable[Json]) -> dict[str, Reason]:
    """Restores to new clusters that are not finished."""
    found: dict[str, Reason] = {}
    for claim in claims:
        if (aim := restore.aim_of(claim)) is not None:
            name, cluster = claim["metadata"]["name"], ownership.label_of(claim)
            text = f"claim {name} was made for a restore of {aim}, which is not finished"
            hint = f"{aim.command(cluster)} continues it; mysqlops delete {cluster} --purge-data ends it"
            found[aim.backup] = Reason("backup-in-use", text, hint)
    return found


def _reason(known: Reason) -> Reason:
    return Reason("backup-in-use", known.message, known.hint)
