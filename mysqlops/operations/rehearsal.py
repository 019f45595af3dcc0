"""Rehearse an upgrade: start the new version on a copy of the newest backup, apart from the cluster, and compare.

One Job does it; the command may be killed and run again, and the next run waits for the same Job. What the Job needs
belongs to it by its UID, so nothing outlives it. The cluster is not locked: nothing of it changes but a note.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from mysqlops import errors
from mysqlops.core import backup, names, quantity, rehearsal
from mysqlops.core.plan import Step
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import backup as jobs_of
from mysqlops.objects import drift, render, schedule
from mysqlops.objects import rehearsal as objects
from mysqlops.operations import backup as backups
from mysqlops.operations import (
    deploy,
    image_check,
    jobs,
    observe,
    own,
    rehearsed,
    restic,
    restore,
    signing,
    targets,
    upgrade,
    waiting,
)
from mysqlops.operations.session import Session
from mysqlops.planning import rehearsal as planning

_BELONGINGS = ("NetworkPolicy", "ConfigMap")


@dataclass(frozen=True)
class Request:
    """The options: None is the cluster's own target, and its newest backup."""

    target: str | None = None
    backup: str | None = None
    trust: signing.Trust = field(default_factory=signing.Trust)


@dataclass(frozen=True)
class Rehearsing:
    """What is rehearsed: the wanted spec with the images that were tried, the backup, and who could not log in."""

    spec: ClusterSpec
    chosen: backup.Backup
    target: Target
    locked_out: tuple[Reason, ...]
    version: str
    steps: tuple[Step, ...]

    def of(self) -> dict[str, str]:
        """What makes two rehearsals the same."""
        return {
            "image": self.spec.image,
            "version": self.version,
            "agent-image": self.spec.agent_image,
            "memory": self.spec.memory,
            "settings": rehearsed.settings_of(self.spec),
            "snapshot": self.chosen.snapshot,
        }


def plan(session: Session, name: str, running: observe.Running, spec: ClusterSpec, request: Request) -> Rehearsing:
    """Everything that needs no copy of the data: the images and settings, the path of versions, the backup. Raises
    Refused for what `upgrade` would refuse, except accounts that could not log in: they are part of the result."""
    now = observe.judged(session, name)
    _check_names(session, name)
    if spec != running.spec:
        image_check.must_fit(session, spec, running.spec)
    tried = image_check.check(session, spec, deploy.objects(spec))
    if tried.reasons or tried.version is None:
        raise Refused(tried.reasons)
    reasons = upgrade.path_refused(now, tried.version)
    place, chosen = _choose(session, name, request)
    reasons += restore.known_bad(chosen) + backups.check_snapshot(session, chosen)
    if reasons := [*reasons, *planning.unfit(chosen, tried.version, name)]:
        raise Refused(reasons)
    locked_out = upgrade.removed_plugins(session, now, spec, tried.version)
    for warning in (*tried.warnings, *(reason.message for reason in locked_out)):
        session.progress.warn(warning)
    pinned = image_check.pin(session, spec, tried)
    steps = planning.steps(name, chosen, pinned.image)
    return Rehearsing(pinned, chosen, place, tuple(locked_out), str(tried.version), steps)


def _choose(session: Session, name: str, request: Request) -> tuple[Target, backup.Backup]:
    """The requested backup, once somebody vouches for it, or the newest of this cluster; raises Refused."""
    place = targets.find(session.client, request.target or _own_target(session, name))
    if request.backup is not None:
        return place, backups.trusted(session, place, request.backup, request.trust)
    has_key = bool(signing.key_of(session.client, name))
    listed, _ = backups.held(session, place, request.trust.signed_by)
    found = planning.newest(listed, backups.owner(session, name), session.clock.now(), has_key=has_key)
    if found is None:
        raise Refused([planning.no_backup(name, place.name)])
    signing.check(found, accepted=request.trust.accept_unsigned)
    return place, found


def _own_target(session: Session, name: str) -> str | None:
    """Where the cluster's scheduled backups go; None without a schedule."""
    found = own.find(session.client, "CronJob", names.schedule(name, schedule.BACKUP), name)
    return (schedule.request_of(found).target or None) if found else None


def execute(session: Session, name: str, what: Rehearsing) -> rehearsal.Rehearsal:
    """Run the Job, or wait for that of a killed run; note the result, and delete the Job. Raises OperationLocked for
    another rehearsal, Refused, StepFailed, StorageError; WaitTimeout leaves the Job running."""
    wanted = _job(session, name, what)
    _make_way(session, name, wanted)
    job_name = wanted["metadata"]["name"]
    pod = jobs.run(
        session,
        wanted,
        planning.progress,
        "rehearsal-refused",
        created=lambda: _complete(session, what.spec, job_name),
    )
    found = backup.compared(jobs.last_line(session, pod, "check"))
    done = planning.result(found, pod, what.of(), what.chosen, what.locked_out) if found is not None else None
    if done is not None:
        rehearsed.note(session, name, done)
    jobs.delete(session, job_name, name)
    _await_gone(session, job_name)
    if done is None:
        raise errors.StepFailed(f"Job {job_name} ended without a result", hint="run the same command again")
    return done


def check(what: Rehearsing, done: rehearsal.Rehearsal) -> None:
    """Raises StepFailed if the new version failed on the data, Refused for accounts that could not log in."""
    if not done.ok:
        text = f"{what.spec.image} on a copy of {done.backup}: {done.why}"
        raise errors.StepFailed(text, hint="nothing of the cluster was changed; this upgrade would fail on it too")
    if what.locked_out:
        raise Refused(what.locked_out)


def _job(session: Session, name: str, what: Rehearsing) -> Json:
    spec, chosen, own_name = what.spec, what.chosen, rehearsal.name_for(name)
    source = jobs_of.Source(spec, own_name, own_name)
    made = objects.job(restic.templates(), what.target, source, what.of(), jobs_of.which(chosen))
    sizes = (spec.storage_size, chosen.storage_size) if chosen.volume_snapshot else (spec.storage_size,)
    jobs_of.grow_scratch(made, max(chosen.size, *map(quantity.parse_bytes, sizes)))
    if chosen.volume_snapshot:
        jobs_of.from_snapshot(jobs_of.scratch_claim(made), chosen.volume_snapshot)
    return made


def _make_way(session: Session, name: str, wanted: Json) -> None:
    """Delete the cluster's own Job of an earlier rehearsal that is over, unless its result is the one that is wanted.
    Raises OperationLocked while another one runs."""
    found = own.find(session.client, "Job", wanted["metadata"]["name"], name)
    if found is None:
        return
    if objects.is_of(found, wanted) and not jobs.has_failed(found):
        session.progress.say(f"continuing the rehearsal of an earlier run: Job {wanted['metadata']['name']}")
    elif jobs.is_over(found):
        jobs.delete(session, wanted["metadata"]["name"], name)
    else:
        text = f"another rehearsal of {name} is running: Job {wanted['metadata']['name']}"
        hint = f"wait for it to end, or kubectl delete job {wanted['metadata']['name']}"
        raise errors.OperationLocked(text, hint=hint)


def _complete(session: Session, spec: ClusterSpec, job_name: str) -> None:
    """Make what the Job's pod waits for."""
    applied = deploy.objects(spec)
    config = next(manifest["data"] for manifest in applied if render.MY_CNF in manifest.get("data", {}))
    agent = next(manifest["binaryData"] for manifest in applied if render.AGENT_FILE in manifest.get("binaryData", {}))
    made = session.client.get("Job", job_name)
    try:
        for belonging in objects.belongings(made, config, agent):
            _make(session, belonging, made["metadata"]["uid"])
    except Refused:  # its pod would wait for it in vain
        jobs.delete(session, job_name, spec.name)
        raise


def _check_names(session: Session, name: str) -> None:
    """Raises Refused for an object that has a name which the rehearsal needs, and is not its own."""
    own_name = rehearsal.name_for(name)
    taken = [kind for kind in _BELONGINGS if _is_foreign(session.client.find(kind, own_name))]
    if session.client.find("Job", own_name) is not None and own.find(session.client, "Job", own_name, name) is None:
        taken.append("Job")
    if taken:
        raise Refused([_foreign(kind, own_name) for kind in taken])


def _is_foreign(found: Json | None) -> bool:
    return found is not None and not objects.is_left(found)


def _foreign(kind: str, name: str) -> Reason:
    text = f"{kind} {name} exists and was not created by mysqlops; it was not touched"
    return Reason("foreign-object", text, "delete or rename it")


def _make(session: Session, wanted: Json, uid: str) -> None:
    """Create it unless this Job has it; an object of an earlier Job goes first. Raises Refused for anybody else's, also
    if it names this Job as its owner."""
    kind, name = wanted["kind"], wanted["metadata"]["name"]

    def look() -> waiting.Pending | None:
        found = session.client.find(kind, name)
        if found is None:
            session.client.create(kind, wanted)
        elif not objects.is_owned(found, uid):
            if _is_foreign(found):
                raise Refused([_foreign(kind, name)])
            session.client.delete(kind, name, uid=found["metadata"]["uid"])
            return waiting.Pending(f"{kind} {name} of an earlier rehearsal to be deleted")
        elif drift.differences(wanted, found):
            raise Refused([_foreign(kind, name)])  # somebody was faster: the pod may run their program
        return None

    waiting.until(session, look)


def _await_gone(session: Session, name: str) -> None:
    """Kubernetes deletes what the Job owned; whoever runs the command sees nothing left. Raises WaitTimeout."""

    def look() -> waiting.Pending | None:
        found = {kind: session.client.find(kind, name) for kind in _BELONGINGS}
        left = [f"{kind} {name}" for kind, one in found.items() if one is not None and objects.is_left(one)]
        return waiting.Pending(f"{' and '.join(left)} to be deleted") if left else None

    waiting.until(session, look)


def as_json(done: rehearsal.Rehearsal, what: Rehearsing) -> Json:
    """For machines."""
    locked_out = [reason.message for reason in what.locked_out]
    return {**asdict(done), "good": done.is_good, "locked_out": locked_out, "backup_at": what.chosen.at}
