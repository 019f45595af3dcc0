"""Backups as volume snapshots: the storage keeps the data, the repository the facts about it.

A snapshot is crash-consistent: its state is that after a loss of power. So it counts only once a server in a separate
pod, started right after it was made, has recovered it and read every table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mysqlops import errors
from mysqlops.core import backup, names, view
from mysqlops.errors import Reason, Refused
from mysqlops.objects import backup as planning
from mysqlops.operations import backup as backups
from mysqlops.operations import jobs, observe, restic, signing, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import backup_progress, donor, status

Json = dict[str, Any]
_POLL_SECONDS = 0.5


def create(session: Session, name: str, request: backups.Request, snapshot_class: str) -> backup.Backup:
    """Make a snapshot, or continue with the one that a killed run began. A snapshot that is not recorded in the end is
    deleted again; raises Refused, StepFailed, StorageError, WaitTimeout."""
    made = _pending(session, name)
    if made is None:
        made = _take(session, name, request, snapshot_class)
    else:
        session.progress.say(f"continuing with VolumeSnapshot {made['metadata']['name']}")
    at = _await_ready(session, made["metadata"]["name"])
    wanted = _job(session, name, request, made, at)
    try:
        pod = jobs.run(session, wanted, backup_progress.progress, "backup-refused")
    except (Refused, errors.StepFailed, errors.StorageError):
        _give_up(session, name, wanted["metadata"]["name"], made["metadata"]["name"])
        raise
    examined, stored = (jobs.last_line(session, pod, step) for step in ("examine", "store"))
    change = {"metadata": {"annotations": {names.ANNOTATION_PENDING: None}}}
    session.client.patch("VolumeSnapshot", made["metadata"]["name"], change)
    signed = signing.of_job(session, pod, name)
    jobs.delete(session, wanted["metadata"]["name"], name)
    return replace(backup.told(examined, stored), target=request.target.name, signed=signed)


def _give_up(session: Session, name: str, job: str, snapshot: str) -> None:
    """Only for a failed Job: a successful one has recorded the snapshot, though its pod may be gone already."""
    found = session.client.find("Job", job)
    if found is None or jobs.has_failed(found):
        session.client.delete("VolumeSnapshot", snapshot)
    else:
        jobs.delete(session, job, name)  # the next run looks at the snapshot again


def _pending(session: Session, name: str) -> Json | None:
    try:
        found = session.client.list("VolumeSnapshot", names.selector_text(name))
    except errors.NotFound as error:
        text = "--method snapshot: the API server does not serve VolumeSnapshots (snapshot.storage.k8s.io/v1)"
        hint = "ask an administrator to install the snapshot controller; --method archive needs none"
        raise Refused([Reason("no-snapshots", text, hint)]) from error
    return next((one for one in found if names.ANNOTATION_PENDING in (one["metadata"].get("annotations") or {})), None)


def _take(session: Session, name: str, request: backups.Request, snapshot_class: str) -> Json:
    now = observe.judged(session, name)
    member = _choose(now, request.member)
    claim = names.claim(name, member.ordinal, now.claims)
    backup_id = backup.new_id(name, session.clock.now())
    session.progress.say(f"taking a snapshot of {claim}, the volume of the {member.role} {member.name}")
    made = planning.volume_snapshot(backup_id, claim, member.name, name, snapshot_class)
    return session.client.create("VolumeSnapshot", made)


def _choose(now: status.Status, wanted: str) -> status.Member:
    """As for a copy, the replica with the shortest apply queue; raises Refused."""
    online = [
        view.GroupMember(one.name, one.name, one.state, one.role, one.behind or 0)
        for one in now.members
        if one.state == view.ONLINE
    ]
    chosen = donor.choose(online, wanted, "").pod
    return next(one for one in now.members if one.name == chosen)


def _await_ready(session: Session, name: str) -> str:
    """The moment of the snapshot; raises StepFailed with the storage's message, WaitTimeout."""

    def look() -> str | waiting.Pending:
        state = session.client.get("VolumeSnapshot", name).get("status") or {}
        if state.get("readyToUse"):
            return str(state["creationTime"])
        if failure := (state.get("error") or {}).get("message"):
            session.client.delete("VolumeSnapshot", name)
            hint = "kubectl get volumesnapshotclass; --snapshot-class NAME chooses one"
            raise errors.StepFailed(f"VolumeSnapshot {name}: {failure}", hint=hint)
        return waiting.Pending(f"VolumeSnapshot {name} to be ready to use")

    return waiting.until(session, look, poll_seconds=_POLL_SECONDS)


def _job(session: Session, name: str, request: backups.Request, made: Json, at: str) -> Json:
    snapshot = made["metadata"]["name"]
    member = made["metadata"]["annotations"][names.ANNOTATION_PENDING]
    now = observe.judged(session, name)
    role = next((one.role for one in now.members if one.name == member), "")
    group = observe.group_name(session.client, name)
    facts = {"MEMBER": member, "ROLE": role, "GROUP": group, "AT": at, "VOLUME_SNAPSHOT": snapshot}
    running = observe.must_run(session.client, name)
    env = planning.environment_of(running.spec, backups.origin(session, name)) | facts
    source = planning.Source(running.spec, running.in_use.config, running.in_use.agent)
    job_name = names.backup_job(name, snapshot)
    wanted = planning.job(
        restic.templates(),
        job_name,
        request.target,
        (*planning.SNAPSHOT, *signing.steps(session, name, running.in_use.agent)),
        source,
        BACKUP_ID=snapshot,
        CHECK=request.check,
        **env,
    )
    wanted["metadata"]["labels"][names.LABEL_STEPS] = "create"
    planning.from_snapshot(planning.scratch_claim(wanted), snapshot)
    return wanted
