"""One restic command in a pod of the namespace: the repository may not be reachable from elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from mysqlops import errors
from mysqlops.core import facts
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.kube import manifests
from mysqlops.kube.client import Client
from mysqlops.objects import backup as planning
from mysqlops.objects import pod_template
from mysqlops.operations import clusters, jobs
from mysqlops.operations.session import Session
from mysqlops.planning import backup_progress

_ALL_LINES = 1_000_000


def run(session: Session, target: Target, *words: str) -> str:
    """The output of one command; raises StorageError with restic's message."""
    return steps(session, target, planning.one_command(*words), "run")


def steps(session: Session, target: Target, wanted: Sequence[planning.Step], heard: str) -> str:
    """Run several, one after another; returns the output of the step `heard`."""
    name = f"restic-{target.name}-{secrets.token_hex(4)}"
    job = planning.job(templates(), name, target, wanted, source(session.client))
    job["spec"]["activeDeadlineSeconds"] = int(session.timeout_seconds) + 30
    try:
        pod = jobs.run(session, job, backup_progress.progress, "restic-refused")
        return session.client.logs(pod["metadata"]["name"], heard, lines=_ALL_LINES)
    except errors.WaitTimeout as error:
        raise errors.StorageError(f"target {target.name} ({target.place}): no answer: {error}") from error
    finally:
        session.client.delete("Job", name)


def source(client: Client) -> planning.Source:
    """The source of a Job that belongs to no cluster: the first one of the namespace says what pods need there."""
    first = next(iter(clusters.stateful_sets(client)), None)
    return planning.Source(owner=pod_template.noted(first) if first else None)


def snapshots(session: Session, target: Target) -> list[Json]:
    return facts.listed(run(session, target, "--json", "snapshots", "--tag", facts.TAG))


def templates() -> planning.Templates:
    scripts = {name: manifests.read_text(f"backup/{name}") for name in ("restic.sh", "mysqld.sh")}
    scripts["mysqld.sh"] = manifests.read_text("backup/logical.sh") + scripts["mysqld.sh"]
    return planning.Templates(manifests.load_one("backup/job.yaml"), scripts)
