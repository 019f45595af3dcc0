"""Take over another server's databases: rehearse as often as wanted, then finish with the source read-only.

The copy runs as a Job in the namespace, so a killed command leaves it running and the next one looks after it. The
cluster's own data is replaced only where an earlier copy made it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mysqlops import errors
from mysqlops.core import names
from mysqlops.errors import Reason, Refused
from mysqlops.kube import manifests
from mysqlops.operations import agents, jobs, observe
from mysqlops.operations.session import Session
from mysqlops.planning import adopt as planning
from mysqlops.planning import status

Json = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """The report, and how long the copy with its comparison took: what a --finish will cost."""

    report: planning.Report
    seconds: float


def check(session: Session, name: str, source: planning.Source) -> None:
    """Raises Refused for a Secret that lacks, or a cluster that is not whole."""
    now = observe.judged(session, name)
    reasons = [one.as_reason() for one in status.in_the_way(now)]
    secret = session.client.find("Secret", source.secret)
    if secret is None or source.key not in (secret.get("data") or {}):
        text = f"--password-secret {source.secret}: no key {source.key} in such a Secret of namespace {now.namespace}"
        reasons.append(Reason("no-password", text, "kubectl create secret generic NAME --from-file=password=FILE"))
    if reasons:
        raise Refused(reasons)


def copy(session: Session, name: str, request: planning.Request) -> Result:
    """Copy and compare; raises Refused or StepFailed with the Job's own words, WaitTimeout."""
    running = observe.must_run(session.client, name)
    wanted = planning.job(
        manifests.load_one("adopt/job.yaml"),
        running.spec,
        running.in_use.agent,
        request,
        seconds=int(session.timeout_seconds),
    )
    started = session.clock.monotonic()
    with _account(session, name):
        report = planning.read_report(_run(session, name, wanted))
    if report is None:
        raise errors.StepFailed("the Job ended without a report", hint=f"kubectl logs job/{names.adopt_job(name)}")
    return Result(report, session.clock.monotonic() - started)


def abort(session: Session, name: str, source: planning.Source) -> None:
    """Stop a copy, and let the source take writes again. What was copied stays in the cluster."""
    running = observe.must_run(session.client, name)
    base = manifests.load_one("adopt/job.yaml")
    wanted = planning.release(
        base, running.spec, running.in_use.agent, planning.Request(source), seconds=int(session.timeout_seconds)
    )
    with _account(session, name):
        jobs.delete(session, names.adopt_job(name))
        _run(session, name, wanted)


@contextlib.contextmanager
def _account(session: Session, name: str) -> Iterator[None]:
    """The account that copies exists only while a Job may run; one that a killed run left is replaced, then dropped."""
    primary = observe.judged(session, name).primary
    if primary is None:
        raise Refused([Reason("no-primary", f"{name} has no primary", f"mysqlops status {name}")])
    agents.run(session.client, primary, "adopt-open", timeout_seconds=30)
    try:
        yield
    except errors.WaitTimeout:
        raise  # the Job goes on, and needs it
    except BaseException:
        _close_account(session, name)
        raise
    _close_account(session, name)


def _close_account(session: Session, name: str) -> None:
    primary = observe.until(session, name, lambda now: now.primary is not None, "a primary").primary
    agents.run(session.client, str(primary), "adopt-close", timeout_seconds=30)


def _run(session: Session, name: str, wanted: Json) -> str:
    """Run a Job to its end and take its log; it is deleted then. One of a killed run that does the same is taken."""
    job = names.adopt_job(name)
    found = session.client.find("Job", job)
    if found is not None and (jobs.has_failed(found) or not planning.is_same(found, wanted)):
        jobs.delete(session, job)
    pod = jobs.run(session, wanted, planning.progress, "adopt-refused")
    log = session.client.logs(pod["metadata"]["name"], "verify")
    jobs.delete(session, job)
    return log
