"""Write a backup as one tar file onto a claim, by a Job that needs no command to end."""

from __future__ import annotations

import hashlib

from mysqlops.core import backup
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.objects import backup as planning
from mysqlops.objects import job_aim
from mysqlops.operations import jobs, restic, targets
from mysqlops.operations.session import Session
from mysqlops.planning import backup_progress

_STEP = "export"


def job_of(session: Session, target: Target, chosen: backup.Backup, claim: str, file: str) -> Json:
    """The Job; its name is made of all arguments, so that the same command finds it again. Raises Refused."""
    targets.check_claim(session.client, claim)
    digest = hashlib.sha256(f"{target.name} {chosen.snapshot} {claim} {file}".encode()).hexdigest()[:8]
    steps = planning.export(chosen.snapshot, file)
    made = planning.job(restic.templates(), f"export-{digest}", target, steps, restic.source(session.client))
    job_aim.put(made, session.client.get("PersistentVolumeClaim", claim))
    return planning.onto_claim(made, claim)


def run(session: Session, job: Json) -> str:
    """Run it, or wait for it if it runs; returns the file's SHA-256. Raises Refused, StorageError, WaitTimeout."""
    pod = jobs.run(session, job, backup_progress.progress, "file-exists")
    line = jobs.last_line(session, pod, _STEP)
    jobs.delete(session, job["metadata"]["name"], "")  # several clusters may use its target
    return line.partition(" ")[0]
