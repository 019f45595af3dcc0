"""Scheduled backups as Kubernetes CronJobs: no process of mysqlops has to run for them. Pure.

Their success is read from the CronJobs' status (lastScheduleTime, lastSuccessfulTime).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from mysqlops.core import instant, names, retention, typed
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError, Reason, Refused

BACKUP, VERIFY = "backup", "verify"
_LATEST_START_SECONDS = 3600  # a run that could not start in time may start up to this much later


@dataclass(frozen=True)
class Request:
    """The options of `backup schedule set`; `max_age` is the age of the last success at which `status` complains."""

    cron: str
    verify_cron: str
    target: str
    member: str = ""
    rate_mib: int = 0
    keep: retention.Policy = field(default_factory=retention.Policy)
    max_age: int = 0
    verify_max_age: int = 0


def check_cron(option: str, text: str, now: datetime) -> int:
    """Seconds between its next two runs; raises ConfigError."""
    try:
        times = CronSim(text, now)
        first, second = next(times), next(times)
    except (CronSimError, StopIteration) as error:
        example = 'expected five fields such as "0 3 * * *" (every day at 3:00 UTC)'
        raise ConfigError(f"{option} {text!r}: {error}; {example}") from error
    return int((second - first).total_seconds())


def cron_job(job: Json, kind: str, request: Request) -> Json:
    """A CronJob that creates such Jobs, one at a time, in UTC."""
    cluster = job["metadata"]["labels"][names.LABEL_INSTANCE]
    labels = {**job["metadata"]["labels"], names.LABEL_STEPS: kind}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": names.schedule(cluster, kind),
            "labels": labels,
            "annotations": {names.ANNOTATION_SCHEDULE: json.dumps(asdict(request), sort_keys=True)},
        },
        "spec": {
            "schedule": request.cron if kind == BACKUP else request.verify_cron,
            "timeZone": "UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": _LATEST_START_SECONDS,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 2,
            "jobTemplate": {"metadata": {"labels": labels}, "spec": job["spec"]},
        },
    }


def request_of(cron_job: Json) -> Request:
    """The options that the schedule was set with; raises Refused if somebody made them unreadable."""
    if (found := _noted(cron_job)) is not None:
        return found
    name, labels = cron_job["metadata"]["name"], cron_job["metadata"].get("labels") or {}
    text = f"CronJob {name}: its annotation {names.ANNOTATION_SCHEDULE} does not hold the options of a schedule"
    hint = f"mysqlops backup schedule set {labels.get(names.LABEL_INSTANCE, 'NAME')} --cron '0 3 * * *' sets them again"
    raise Refused([Reason("options-unreadable", text, hint)])


def _noted(cron_job: Json) -> Request | None:
    """Anybody who may write to the CronJob may have changed the annotation."""
    facts = typed.json_of((cron_job["metadata"].get("annotations") or {}).get(names.ANNOTATION_SCHEDULE))
    keep = typed.make(retention.Policy, facts.get("keep", {})) if isinstance(facts, dict) else None
    return typed.make(Request, {**facts, "keep": keep}) if keep is not None else None


@dataclass(frozen=True)
class Seen:
    """The state of a schedule; times are UTC, ISO 8601."""

    cluster: str
    kind: str
    cron: str
    target: str
    next: str  # empty: never, or not known
    last_success: str | None
    age: int  # seconds since the last success, or since the schedule was created
    max_age: int
    failures: int  # runs that were due since then and did not succeed
    running: bool

    @property
    def is_overdue(self) -> bool:
        return abs(self.age) > self.max_age  # a success in the future comes from a wrong clock


def judge(cron_job: Json, now: datetime) -> Seen:
    # With options that cannot be read, nobody knows when to complain: it is overdue at once.
    request, status = _noted(cron_job) or Request("", "", "?"), cron_job.get("status") or {}
    labels, spec = cron_job["metadata"]["labels"], cron_job["spec"]
    kind = labels[names.LABEL_STEPS]
    success = status.get("lastSuccessfulTime")
    since = datetime.fromisoformat(success or cron_job["metadata"]["creationTimestamp"])
    running = bool(status.get("active"))
    return Seen(
        cluster=labels[names.LABEL_INSTANCE],
        kind=kind,
        cron=spec["schedule"],
        target=request.target,
        next=next((instant.text(due) for due in _runs(spec["schedule"], now)), ""),
        last_success=success,
        age=int((now - since).total_seconds()),
        max_age=request.max_age if kind == BACKUP else request.verify_max_age,
        failures=_due_between(spec["schedule"], since, status.get("lastScheduleTime"), running=running),
        running=running,
    )


def _due_between(cron: str, since: datetime, last: str | None, *, running: bool) -> int:
    """The runs due after `since`, up to the last one that was started, without one that is still running."""
    if last is None:
        return 0
    until, count = datetime.fromisoformat(last), 0
    for due in _runs(cron, since):
        if due > until or count >= 1000:
            break
        count += 1
    return max(0, count - running)


# https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def _runs(cron: str, since: datetime) -> Iterator[datetime]:
    """When a CronJob is due, as Kubernetes reads it. It takes more than `--cron` does from whoever edits the object:
    macros, `?`, days that never come, and intervals, of which nobody knows when they began; the last two yield
    nothing."""
    try:
        yield from CronSim(_MACROS.get(cron, cron).replace("?", "*"), since.astimezone(UTC))
    except CronSimError:
        return
