"""Make, list and verify backups. Jobs do the work, and go on when the command is killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from mysqlops import errors
from mysqlops.core import backup, binlog, names, quantity, retention, view
from mysqlops.core.owner import Owner
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import backup as planning
from mysqlops.operations import agents, jobs, leases, observe, programs, recorded, restic, signing
from mysqlops.operations.session import Session
from mysqlops.planning import backup_progress, status

_OPEN_SECONDS = 30.0


@dataclass(frozen=True)
class Request:
    """The options of `backup create`."""

    target: Target
    member: str = ""
    method: str = backup.ARCHIVE
    check: str = backup.CHECKSUM
    rate_mib: int = 0  # per second, 0: no limit
    keep: retention.Policy = field(default_factory=retention.Policy)


def open_account(session: Session, name: str) -> None:
    """Create the account that backups copy with, before the first backup; raises Refused without a primary."""
    primary = status.must_lead(observe.judged(session, name))
    agents.run(session.client, primary, programs.BACKUP_OPEN, timeout_seconds=_OPEN_SECONDS)


def job(session: Session, name: str, request: Request, backup_id: str) -> Json:
    """The Job of one backup, followed by pruning if a policy is set; without an id, the Job chooses one itself."""
    running = observe.must_run(session.client, name)
    env = planning.environment_of(running.spec, origin(session, name))
    env |= {"MEMBER": request.member, "CHECK": request.check, "METHOD": request.method} | (
        {"BACKUP_ID": backup_id} if backup_id else {}
    )
    if request.rate_mib:
        env |= {"RATE_MIB": str(request.rate_mib), "LIMIT": str(request.rate_mib * 1024)}
    steps: tuple[planning.Step, ...] = planning.LOGICAL if request.method == backup.LOGICAL else planning.CREATE
    steps = (*steps, *signing.steps(session, name, running.in_use.agent))
    if request.keep:
        steps, env = (*steps, *planning.PRUNE), env | {"KEEP": json.dumps(asdict(request.keep))}
    source = planning.Source(running.spec, running.in_use.config, running.in_use.agent)
    job_name = names.backup_job(name, backup_id)
    made = planning.job(restic.templates(), job_name, request.target, steps, source, **env)
    made["metadata"]["labels"][names.LABEL_STEPS] = "create"
    if request.method == backup.LOGICAL:  # the dump lies beside the data
        planning.grow_scratch(made, 2 * quantity.parse_bytes(running.spec.storage_size))
    return made


def job_of(session: Session, name: str, request: Request) -> Json:
    """The Job to run: the one that a killed run left running, or a new one; raises Refused."""
    wanted = _under_way(session, name)
    if wanted is None:
        open_account(session, name)
        wanted = job(session, name, request, backup.new_id(name, session.clock.now()))
    else:
        session.progress.say(f"a backup is already running: Job {wanted['metadata']['name']}")
    _check_same_target(wanted, request)
    return wanted


def create(session: Session, name: str, request: Request) -> backup.Backup:
    """Make a backup, or wait for the one of a killed run; raises Refused, StepFailed, StorageError, WaitTimeout."""
    wanted = job_of(session, name, request)
    pod = jobs.run(session, wanted, backup_progress.progress, "backup-refused")
    copied, stored = (jobs.last_line(session, pod, step) for step in ("copy", "store"))
    signed = signing.of_job(session, pod, name)
    jobs.delete(session, wanted["metadata"]["name"], name)
    return replace(backup.of_steps(copied, stored), target=request.target.name, signed=signed)


Make = Callable[[Session, str, Request], backup.Backup]


def create_of_all(session: Session, name: str, request: Request, make: Make) -> list[backup.Backup]:
    """Back up each member, one after another, replicas first; raises Refused unless all are ONLINE."""
    now = observe.judged(session, name)
    if not_online := [f"{member.name} is {member.state}" for member in now.members if member.state != view.ONLINE]:
        text = f"--all-members: {', '.join(not_online)}"
        raise Refused([Reason("not-whole", text, f"mysqlops status {name}; or choose with --member")])
    return [
        _create_of(session, name, replace(request, member=member.name), make)
        for member in sorted(now.members, key=lambda one: (one.name == now.primary, one.ordinal))
    ]


def _create_of(session: Session, name: str, request: Request, make: Make) -> backup.Backup:
    """A backup that a killed run began may be of another member: then this member's backup is made after it."""
    made = make(session, name, request)
    return made if made.member == request.member else make(session, name, request)


def _check_same_target(wanted: Json, request: Request) -> None:
    target = next(volume for volume in wanted["spec"]["template"]["spec"]["volumes"] if volume["name"] == "target")
    if target["secret"]["secretName"] != request.target.secret:
        text = f"another backup is running: Job {wanted['metadata']['name']}, to {target['secret']['secretName']}"
        raise errors.OperationLocked(text, hint="wait for it to end, or delete that Job with kubectl delete job")


def _under_way(session: Session, name: str) -> Json | None:
    selector = f"{names.selector_text(name)},{names.LABEL_STEPS}=create"
    return next((job for job in session.client.list("Job", selector) if not jobs.is_over(job)), None)


def origin(session: Session, name: str) -> str:
    """Distinguishes this cluster from another of the same name."""
    lease = leases.get(session.client, name)
    return str(lease["metadata"]["uid"])


def owner(session: Session, name: str) -> Owner:
    return origin(session, name), name, session.client.namespace


def catalogue(session: Session, target: Target) -> list[backup.Backup]:
    """All backups in the target, newest first, each with the last point in time that it can reach."""
    return held(session, target)[0]


def held(
    session: Session, target: Target, trusted: str | None = None
) -> tuple[list[backup.Backup], list[binlog.Chunk]]:
    """The backups, and the binary logs; `trusted` is a Secret with another key."""
    snapshots = restic.snapshots(session, target)
    keys = signing.keys(session, snapshots, trusted)
    chunks = binlog.chunks(snapshots, keys)
    found = backup.catalogue(snapshots, target.name, keys)
    return binlog.with_reach(found, chunks), chunks


def find(session: Session, target: Target, backup_id: str) -> backup.Backup:
    """Raises Refused, which lists the existing backups."""
    return pick(catalogue(session, target), target, backup_id)


def pick(listed: list[backup.Backup], target: Target, backup_id: str) -> backup.Backup:
    """Raises Refused, which lists the existing backups."""
    same = [stored for stored in listed if stored.id == backup_id]
    found = next((stored for stored in same if stored.signed == backup.SIGNED), same[0] if same else None)
    if found is None:
        some = ", ".join(stored.id for stored in listed[:5]) or "none"
        text = f"BACKUP {backup_id}: no such backup in target {target.name}, which holds {some}"
        raise Refused([Reason("no-such-backup", text, f"mysqlops backup list --target {target.name}")])
    return found


def manifest(session: Session, target: Target, found: backup.Backup) -> Json:
    """What was recorded with the backup: every table's rows and checksum, the cluster's spec."""
    text = restic.run(session, target, "dump", found.snapshot, "/manifest.json")
    return recorded.load(text, found.id)


def trusted(session: Session, target: Target, backup_id: str, trust: signing.Trust) -> backup.Backup:
    """The backup of that id, once a key or the user vouches for its origin; raises Refused."""
    found = pick(held(session, target, trust.signed_by)[0], target, backup_id)
    signing.check(found, accepted=trust.accept_unsigned)
    return found


def verify(session: Session, name: str, target: Target, chosen: backup.Backup) -> backup.Backup:
    """Restore it into a separate pod, start it, and compare everything; raises StepFailed with the differences."""
    made = verify_job(session, name, target, chosen)
    pod = jobs.run(session, made, backup_progress.progress, "verify-refused")
    checked = backup.verification_of_step(jobs.last_line(session, pod, "check"))
    jobs.delete(session, made["metadata"]["name"], name)
    return replace(chosen, verified=checked)


def verify_job(session: Session, name: str, target: Target, chosen: backup.Backup | None) -> Json:
    """Verifies one backup, or the newest unverified one; raises Refused if its data is not available here."""
    if chosen and (reasons := check_snapshot(session, chosen)):
        raise Refused(reasons)
    running = observe.must_run(session.client, name)
    source = planning.Source(running.spec, running.in_use.config, running.in_use.agent)
    env = planning.environment_of(running.spec, origin(session, name)) | (planning.which(chosen) if chosen else {})
    job_name = f"{names.backup_job(name, chosen.id if chosen else '')}-v"
    made = planning.job(restic.templates(), job_name, target, planning.VERIFY, source, **env)
    made["metadata"]["labels"][names.LABEL_STEPS] = "verify"
    if chosen:
        planning.grow_scratch(made, max(chosen.size, *map(quantity.parse_bytes, _sizes(running.spec, chosen))))
        if chosen.volume_snapshot:
            planning.from_snapshot(planning.scratch_claim(made), chosen.volume_snapshot)
    return made


def _sizes(spec: ClusterSpec, chosen: backup.Backup) -> tuple[str, ...]:
    """A volume made from a snapshot must be at least as large as the snapshot's source."""
    return (spec.storage_size, chosen.storage_size) if chosen.volume_snapshot else (spec.storage_size,)


def own_snapshot(session: Session, one: backup.Backup) -> Json | None:
    """An entry proves nothing by itself: only a VolumeSnapshot that mysqlops made of that cluster, for that backup, is
    mounted or deleted. None if it does not exist."""
    if one.volume_snapshot != one.id or one.namespace != session.client.namespace:
        return None
    found = session.client.find("VolumeSnapshot", one.volume_snapshot)
    labels = (found or {"metadata": {}})["metadata"].get("labels") or {}
    return found if {**names.selector(one.cluster), names.LABEL_STEPS: "snapshot"}.items() <= labels.items() else None


def check_snapshot(session: Session, found: backup.Backup) -> list[Reason]:
    """Why a backup's data is not available here: a VolumeSnapshot can be used only in its own namespace."""
    if not found.volume_snapshot or own_snapshot(session, found):
        return []
    text = f"{found.id} is VolumeSnapshot {found.volume_snapshot} of namespace {found.namespace}, not available here"
    return [
        Reason("snapshot-gone", text, "mysqlops backup list shows others; those of method archive need no snapshot")
    ]
