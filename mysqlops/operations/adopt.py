"""Take over another server's databases: rehearse any number of times, then finish with the source read-only.

The copy runs as a Job in the namespace, so it goes on when the command is killed, and the next command waits for it.
Data of the cluster itself is replaced only where an earlier copy wrote it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from mysqlops import errors
from mysqlops.core import adoption, names
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.kube import manifests
from mysqlops.objects import adopt as planning
from mysqlops.objects import job_aim
from mysqlops.operations import agents, jobs, observe, own, programs
from mysqlops.operations.session import Session
from mysqlops.planning import status

_FRESH_SECONDS = 300.0  # a confirmation that took longer is asked for again: a laptop may have slept
_TRIES = 3
_PROGRAM = "mysqlops/mysql/foreign_views.py"


@dataclass(frozen=True)
class Result:
    """The report, and how long copying and comparing took: a --finish takes as long."""

    report: planning.Report
    seconds: float
    confirmed: planning.SourceStanding | None = None  # of the source, after a last copy


def check(session: Session, name: str, source: planning.Source, *, must_be_whole: bool) -> None:
    """Raises Refused for an unverified source, a missing Secret, or a cluster that is not whole."""
    if reasons := planning.unfit(source):
        raise Refused(reasons)
    now = observe.judged(session, name)
    reasons = [condition.as_reason() for condition in status.in_the_way(now)] if must_be_whole else []
    wanted = (("--password-secret", source.password, "no-password"), ("--ca", source.ca, "no-ca"))
    for option, key, code in wanted:
        if key is not None and key.key not in ((session.client.find("Secret", key.secret) or {}).get("data") or {}):
            text = f"{option} {key.secret}: no key {key.key} in such a Secret of namespace {now.namespace}"
            reasons.append(Reason(code, text, f"kubectl create secret generic NAME --from-file={key.key}=FILE"))
    if reasons:
        raise Refused(reasons)


def copy(session: Session, name: str, request: planning.Request) -> Result:
    """Copy and compare; raises Refused or StepFailed with the Job's own message, WaitTimeout."""
    _check_agent(session, name)
    wanted = _job(planning.job, session, name, request)
    started = session.clock.monotonic()
    with _way_back(session, name, request):
        ran = _run(session, name, wanted)
        report = planning.read_report(ran.log)
        if report is None:
            raise errors.StepFailed("the Job ended without a report", hint=f"kubectl logs job/{names.adopt_job(name)}")
    confirmed = _confirmed(session, name, request, report, ran.uid) if request.finish else None
    return Result(report, session.clock.monotonic() - started, confirmed)


def _check_agent(session: Session, name: str) -> None:
    """Raises Refused if the agent's program is of a release that left definitions to the dump and its client."""
    if agents.lacks(session.client, observe.must_run(session.client, name).in_use.agent, _PROGRAM):
        text = f"the agents of {name} are of an older release, and would let a client read the source's definitions"
        raise Refused([Reason("agent-too-old", text, f"mysqlops upgrade {name}")])


def _confirmed(
    session: Session, name: str, request: planning.Request, report: planning.Report, job: str
) -> planning.SourceStanding:
    """The Job may have ended long ago, while this command was stopped or before it began. So the source is asked again
    before anybody is sent to the cluster, and again if the answer came late. Raises StepFailed."""
    clock = session.clock
    for _ in range(_TRIES):
        monotonic, wall = clock.monotonic(), clock.now()
        try:
            found = planning.read_standing(_ask(session, name, request))
        except errors.MysqlopsError as error:
            error.hint = f"all is copied, but check that {request.source} accepts no writes: SELECT @@super_read_only"
            raise
        if why := planning.unproven(report.source, job, found):
            text = f"{request.source} was copied, and every row compared, but {why}"
            hint = f"stop its clients and compare before any client writes to {name}-primary; two servers may differ"
            raise errors.StepFailed(text, hint=hint)
        passed = (clock.monotonic() - monotonic, (clock.now() - wall).total_seconds())
        if found is not None and all(0 <= seconds < _FRESH_SECONDS for seconds in passed):
            return found
    raise errors.StepFailed(f"{request.source} answered too late {_TRIES} times whether it still accepts no writes")


def _ask(session: Session, name: str, request: planning.Request) -> str:
    """The log of a Job that reads the source's state. It needs no account in the cluster."""
    wanted, job = _job(planning.confirmation, session, name, planning.Request(request.source)), names.adopt_job(name)
    jobs.delete(session, job, name)
    pod = jobs.run(session, wanted, planning.progress, "adopt-refused")
    log = session.client.logs(pod["metadata"]["name"], "conclude")
    jobs.delete(session, job, name)
    return log


def abort(session: Session, name: str, source: planning.Source) -> None:
    """Stop a copy, and let the source accept writes again, even if the cluster is down. The copied data stays until
    another run replaces it."""
    wanted = _job(planning.release, session, name, planning.Request(source))
    jobs.delete(session, names.adopt_job(name), name)
    _run(session, name, wanted)


def _job(make: Callable[..., Json], session: Session, name: str, request: planning.Request) -> Json:
    running = observe.must_run(session.client, name)
    base, seconds = manifests.load_one("adopt/job.yaml"), int(session.timeout_seconds)
    return make(base, running.spec, running.in_use.agent, request, seconds=seconds)


@contextlib.contextmanager
def _way_back(session: Session, name: str, request: planning.Request) -> Iterator[None]:
    """If the final copy fails, the hint says how to make the source writable again, unless it is already."""
    try:
        yield
    except errors.Refused:
        raise  # before anything was stopped
    except errors.MysqlopsError as error:
        if request.finish and not _is_undone(str(error)):
            command = planning.abort_command(name, session.client.namespace, request.source)
            error.hint = f"{request.source} may be read-only; {command} makes it writable again"
        raise


def _is_undone(message: str) -> bool:
    """Whether our own program says so, which it does at the end. Before that, and from the copy itself, come words of
    the source, which may say anything."""
    return message.endswith((adoption.GIVEN_BACK, adoption.UNTOUCHED)) and not re.search(r"(?:^|; )copy: ", message)


@dataclass(frozen=True)
class Ran:
    """A Job's UID, and the log of its last container."""

    uid: str
    log: str


def _run(session: Session, name: str, wanted: Json) -> Ran:
    """Run a Job to its end, read its log and delete it. A Job of a killed run with the same request is used instead, if
    it still runs, or has made the last copy: another result is as old as the Job.

    The account exists only while the Job may run: it is created after the Job, and the Job drops it at its end, even if
    this command was killed.
    """
    job = names.adopt_job(name)
    found = own.find(session.client, "Job", job, name)
    if found is not None and not _goes_on(found, wanted):
        _check_unfinished(found, name)
        jobs.delete(session, job, name)
    try:
        # Never a second final copy: applications may write to the cluster by then.
        opened = partial(_open_account, session, name)
        pod = jobs.run(session, wanted, planning.progress, "adopt-refused", created=opened, is_repeatable=False)
    except (errors.Refused, errors.StepFailed, errors.NotFound):  # it has ended; after other errors it may still run
        _close_account(session, name)
        raise
    owner, log = job_aim.owner(pod), session.client.logs(pod["metadata"]["name"], "conclude")
    ran = Ran(owner["uid"] if owner else "", log)
    jobs.delete(session, job, name)
    _close_account(session, name)
    return ran


def _goes_on(found: Json, wanted: Json) -> bool:
    is_of_now = not jobs.is_over(found) or planning.finishes(found)
    return planning.is_same(found, wanted) and is_of_now and not jobs.has_failed(found)


def _check_unfinished(found: Json, name: str) -> None:
    if planning.finishes(found) and not jobs.is_over(found):
        text = f"Job {found['metadata']['name']} is making the final copy, with the source read-only"
        raise Refused([Reason("adopt-running", text, "run that command again to wait for it, or stop it with --abort")])


def _open_account(session: Session, name: str) -> None:
    """Skipped if the Job has ended, or if it only makes the source writable again and needs no account."""
    job = session.client.get("Job", names.adopt_job(name))
    if jobs.is_over(job):
        return
    try:
        primary = status.must_lead(observe.judged(session, name))
        seconds = str(int(session.timeout_seconds))
        agents.run(session.client, primary, programs.ADOPT_ADMIT, seconds, timeout_seconds=30)
    except errors.MysqlopsError as error:
        if planning.copies(job):
            jobs.delete(session, names.adopt_job(name), name)
            raise
        session.progress.warn(f"{name} is skipped: {error}")


def _close_account(session: Session, name: str) -> None:
    """The Job drops the account at its end; if it did not, the primary's agent does."""
    try:
        if (primary := observe.judged(session, name).primary) is not None:
            agents.run(session.client, primary, programs.ADOPT_CLOSE, timeout_seconds=30)
    except errors.MysqlopsError as error:
        session.progress.warn(f"the password of {names.USER_ADOPT} stays in the Secret: {error}")
