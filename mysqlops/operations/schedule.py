"""Scheduled backups: make the CronJobs, keep them up to date with the cluster, run one now."""

from __future__ import annotations

from dataclasses import replace

from mysqlops.core import names, ownership
from mysqlops.core.target import Target
from mysqlops.errors import Reason, Refused
from mysqlops.objects import schedule as planning
from mysqlops.operations import backup as backups
from mysqlops.operations import jobs, own, targets, vault
from mysqlops.operations.session import Session
from mysqlops.planning import backup_progress

_KINDS = (planning.BACKUP, planning.VERIFY)


def put(session: Session, name: str, request: planning.Request) -> None:
    """Make or change both CronJobs; raises ConfigError for a bad time, Refused without the target or a primary."""
    now = session.clock.now()
    every = planning.check_cron("--cron", request.cron, now)
    verify_every = planning.check_cron("--verify-cron", request.verify_cron, now)
    target = targets.find(session.client, request.target or None)
    # One run may fail before that is reported.
    request = replace(
        request,
        target=target.name,
        max_age=request.max_age or 2 * every,
        verify_max_age=request.verify_max_age or 2 * verify_every,
    )
    backups.open_account(session, name)
    _apply(session, name, target, request)


def refresh(session: Session, name: str) -> None:
    """The cluster's image, agent, settings or size changed: update the CronJobs. Does nothing without any."""
    found = own.find(session.client, "CronJob", names.schedule(name, planning.BACKUP), name)
    if found is None:
        return
    request = planning.request_of(found)
    _apply(session, name, targets.find(session.client, request.target), request)


def _apply(session: Session, name: str, target: Target, request: planning.Request) -> None:
    chosen = backups.Request(target, request.member, rate_mib=request.rate_mib, keep=request.keep)
    made = {
        planning.BACKUP: backups.job(session, name, chosen, ""),
        planning.VERIFY: backups.verify_job(session, name, target, None),
    }
    for kind, job in made.items():
        session.client.apply(vault.fitting(session.client, planning.cron_job(job, kind, request)))


def remove(session: Session, name: str) -> None:
    """No error if they do not exist."""
    for kind in _KINDS:
        own.delete(session.client, "CronJob", names.schedule(name, kind), name)


def seen(session: Session) -> list[planning.Seen]:
    """All of the namespace."""
    found = session.client.list("CronJob", f"{names.OURS},{names.LABEL_STEPS}")
    return [planning.judge(cron_job, session.clock.now()) for cron_job in filter(ownership.is_schedule, found)]


def run_now(session: Session, name: str, kind: str, *, wait: bool) -> str:
    """Start the scheduled Job now; returns its name. With `wait` raises the Job's error if it fails."""
    found = own.find(session.client, "CronJob", names.schedule(name, kind), name)
    if found is None:
        text = f"{name} has no schedule for {kind}"
        raise Refused([Reason("no-schedule", text, f"mysqlops backup schedule set {name} --cron '0 3 * * *'")])
    job_name = f"{names.schedule(name, kind)}-now-{session.clock.now():%H%M%S}"
    template = found["spec"]["jobTemplate"]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": found["metadata"]["name"],
        "uid": found["metadata"]["uid"],
        "controller": True,
    }
    metadata = {
        "name": job_name,
        "labels": {**((template.get("metadata") or {}).get("labels") or {}), **names.selector(name)},
        "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
        "ownerReferences": [owner],
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    if wait:
        jobs.run(session, job, backup_progress.progress, "backup-refused")
    else:
        session.client.create("Job", job)
    return job_name
