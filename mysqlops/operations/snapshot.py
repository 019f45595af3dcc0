"""Backups as volume snapshots: the storage keeps the data, the repository the facts about it.

A snapshot is crash-consistent: its state is that after a loss of power. So it counts only once a server in a separate
pod, started right after it was made, has recovered it and read every table.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from mysqlops import errors
from mysqlops.core import backup, names, snapshot_notes, view
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import backup as planning
from mysqlops.operations import backup as backups
from mysqlops.operations import jobs, observe, own, restic, signing, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import backup_progress, donor, status

_POLL_SECONDS = 0.5
_CONTINUED = timedelta(hours=1)  # a backup that is asked for now must not be of last week


def create(session: Session, name: str, request: backups.Request, snapshot_class: str) -> backup.Backup:
    """Make a snapshot, or continue with the one that a killed run began. A snapshot that is not recorded in the end is
    deleted again; raises Refused, OperationLocked, StepFailed, StorageError, WaitTimeout."""
    run = _Run(session, name, request.target)
    made = run.pending()
    if made is not None and run.is_of_the_past(made):
        run.replace(made)
        made = None
    if made is None:
        made = _take(session, name, request, snapshot_class)
        at = run.await_ready(made)
        run.check_history(made)
    else:
        session.progress.say(f"continuing with VolumeSnapshot {made['metadata']['name']}")
        run.check_same_target(made)
        if (done := run.recorded(made)) is not None:
            return done
        at = run.await_ready(made)
    wanted = _job(session, name, request, made, at)
    try:
        pod = jobs.run(session, wanted, backup_progress.progress, "backup-refused")
    except (Refused, errors.StepFailed, errors.StorageError):
        if (done := run.after_failure(made)) is not None:
            return done
        raise
    examined, stored = (jobs.last_line(session, pod, step) for step in ("examine", "store"))
    run.note_recorded(made)
    signed = signing.of_job(session, pod, name)
    jobs.delete(session, wanted["metadata"]["name"], name)
    return replace(backup.of_steps(examined, stored), target=request.target.name, signed=signed)


class _Run:
    """The snapshot of one run, `made`: exactly that object is changed or deleted, and deleted only while no catalogue
    lists it. Another run may have continued with it, and a recorded snapshot is a backup."""

    def __init__(self, session: Session, name: str, target: Target) -> None:
        self._session, self._client = session, session.client
        self._name, self._target = name, target

    def pending(self) -> Json | None:
        try:
            found = self._client.list("VolumeSnapshot", names.selector_text(self._name))
        except errors.NotFound as error:
            text = "--method snapshot: the API server does not serve VolumeSnapshots (snapshot.storage.k8s.io/v1)"
            hint = "ask an administrator to install the snapshot controller; --method archive needs none"
            raise Refused([Reason("no-snapshots", text, hint)]) from error
        return next((snapshot for snapshot in found if _is_pending(snapshot)), None)

    def is_of_the_past(self, made: Json) -> bool:
        """Whether a killed run's snapshot is too old to be what the user asks for now, and no Job works on it."""
        began = datetime.fromisoformat(made["metadata"]["creationTimestamp"])
        job = own.find(self._client, "Job", names.backup_job(self._name, made["metadata"]["name"]), self._name)
        is_under_way = job is not None and not jobs.is_over(job)
        return self._session.clock.now() - began >= _CONTINUED and not is_under_way

    def replace(self, made: Json) -> None:
        """Delete one of the past, unless the target lists it."""
        name, at = made["metadata"]["name"], made["metadata"]["creationTimestamp"]
        self._session.progress.say(f"VolumeSnapshot {name} of a killed run is of {at}: taking a new one")
        self._discard(made)

    def check_same_target(self, made: Json) -> None:
        noted = _note(made).target
        if noted and noted != self._target.name:
            text = f"VolumeSnapshot {made['metadata']['name']} of a killed run is not recorded in target {noted} yet"
            hint = f"mysqlops backup create {self._name} --method snapshot --target {shlex.quote(noted)}"
            raise errors.OperationLocked(text, hint=hint)

    def check_history(self, made: Json) -> None:
        """Raises StepFailed if `recover` or a restore in place gave the cluster another history meanwhile."""
        if observe.group_name(self._client, self._name) != _note(made).group:
            self._discard(made)
            text = f"{self._name} got another history while VolumeSnapshot {made['metadata']['name']} was taken"
            raise errors.StepFailed(text, hint="run the same command again")

    def recorded(self, made: Json) -> backup.Backup | None:
        """The backup, if a Job of an earlier run recorded it whose command was killed. A Job that still runs is
        waited for instead."""
        job = names.backup_job(self._name, made["metadata"]["name"])
        found = self._client.find("Job", job)
        if found is not None and not jobs.is_over(found):
            return None
        done = self._noted(made, self._listed(made))
        if done is not None:
            jobs.delete(self._session, job, self._name)
        return done

    def await_ready(self, made: Json) -> str:
        """The moment of the snapshot; raises StepFailed with the storage's message, WaitTimeout."""
        name = made["metadata"]["name"]

        def look() -> str | waiting.Pending:
            state = self._client.get("VolumeSnapshot", name).get("status") or {}
            if state.get("readyToUse"):
                return str(state["creationTime"])
            if failure := (state.get("error") or {}).get("message"):
                self._discard(made)
                hint = "kubectl get volumesnapshotclass; --snapshot-class NAME chooses one"
                raise errors.StepFailed(f"VolumeSnapshot {name}: {failure}", hint=hint)
            return waiting.Pending(f"VolumeSnapshot {name} to be ready to use")

        return waiting.until(self._session, look, poll_seconds=_POLL_SECONDS)

    def after_failure(self, made: Json) -> backup.Backup | None:
        """The backup if the Job has recorded it after all, though its pod is gone; else the snapshot of a failed Job is
        deleted, and that of another one is looked at again by the next run."""
        job = names.backup_job(self._name, made["metadata"]["name"])
        found = self._client.find("Job", job)
        if found is None or jobs.has_failed(found):
            self._discard(made)
            return None
        try:
            return self._noted(made, self._listed(made))
        except (errors.StorageError, errors.StepFailed):
            return None
        finally:
            jobs.delete(self._session, job, self._name)

    def note_recorded(self, made: Json) -> None:
        metadata = {"uid": made["metadata"]["uid"], "annotations": {names.ANNOTATION_PENDING: None}}
        self._client.patch("VolumeSnapshot", made["metadata"]["name"], {"metadata": metadata})

    def _noted(self, made: Json, listed: list[backup.Backup]) -> backup.Backup | None:
        """One whose files are not sealed does not count: the next Job records the snapshot again."""
        wanted = backup.SIGNED if signing.key_of(self._client, self._name) else backup.UNSIGNED
        done = next((stored for stored in listed if stored.signed == wanted), None)
        if done is not None:
            self.note_recorded(made)
        return done

    def _listed(self, made: Json) -> list[backup.Backup]:
        """The entries of this snapshot; raises StorageError if the target does not answer."""
        own, name = backups.owner(self._session, self._name), made["metadata"]["name"]
        listed = backups.catalogue(self._session, self._target)
        return [stored for stored in listed if stored.owner == own and stored.volume_snapshot == name]

    def _discard(self, made: Json) -> None:
        """Delete the snapshot unless the target lists it. In doubt it stays, and the next run continues with it."""
        name = made["metadata"]["name"]
        try:
            listed = self._listed(made)
        except (errors.StorageError, errors.StepFailed) as error:
            self._session.progress.warn(f"VolumeSnapshot {name} stays, since the target may list it: {error}")
            return
        found = self._client.find("VolumeSnapshot", name)
        if listed or found is None or found["metadata"]["uid"] != made["metadata"]["uid"] or not _is_pending(found):
            return
        with suppress(errors.Conflict):
            self._client.delete_unchanged("VolumeSnapshot", found)


def _is_pending(snapshot: Json) -> bool:
    return names.ANNOTATION_PENDING in status.annotations_of(snapshot)


def _note(snapshot: Json) -> snapshot_notes.Note:
    return snapshot_notes.load(snapshot["metadata"]["annotations"][names.ANNOTATION_PENDING])


def _take(session: Session, name: str, request: backups.Request, snapshot_class: str) -> Json:
    now = observe.judged(session, name)
    member = _choose(now, request.member)
    claim = names.claim(name, member.ordinal, now.claims)
    backup_id = backup.new_id(name, session.clock.now())
    session.progress.say(f"taking a snapshot of {claim}, the volume of the {member.role} {member.name}")
    group = observe.group_name(session.client, name)
    note = snapshot_notes.Note(member.name, member.role, group, request.target.name)
    made = planning.volume_snapshot(backup_id, claim, note, name, snapshot_class)
    return session.client.create("VolumeSnapshot", made)


def _choose(now: status.Status, wanted: str) -> status.Member:
    """As for a copy, the replica with the shortest apply queue; raises Refused."""
    online = [
        view.GroupMember(member.name, member.name, member.state, member.role, member.behind or 0)
        for member in now.members
        if member.state == view.ONLINE
    ]
    chosen = donor.choose(online, wanted, "").pod
    return next(member for member in now.members if member.name == chosen)


def _job(session: Session, name: str, request: backups.Request, made: Json, at: str) -> Json:
    snapshot = made["metadata"]["name"]
    note = _note(made)
    if not note.group:  # of an older release, which noted the member alone
        now = observe.judged(session, name)
        role = next((member.role for member in now.members if member.name == note.member), "")
        note = replace(note, role=role, group=observe.group_name(session.client, name))
    facts = {"MEMBER": note.member, "ROLE": note.role, "GROUP": note.group, "AT": at, "VOLUME_SNAPSHOT": snapshot}
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
