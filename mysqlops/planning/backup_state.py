"""What is wrong with a cluster's backups, as its CronJobs and its binary log receiver report it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from mysqlops.core import binlog
from mysqlops.core.typed import Json
from mysqlops.objects import binlog as receiving

Trouble = tuple[str, str, str]  # code, sentence, the next command


def troubles(name: str, now: datetime, schedules: Sequence[Json], receiver: Json | None) -> list[Trouble]:
    """`schedules` are CronJobs, `receiver` is the Lease; empty or None if there are none."""
    found = list(_overdue(name, now, schedules)) if schedules else []
    return found + (list(_of_receiver(name, now, receiver)) if receiver else [])


def _overdue(name: str, now: datetime, schedules: Sequence[Json]) -> Iterator[Trouble]:
    """A backup counts once it is stored, a verification once its contents compared equal."""
    from mysqlops.objects import schedule

    for seen in (schedule.judge(cron_job, now) for cron_job in schedules):
        if seen.is_overdue:
            yield (
                "backup-overdue",
                f"last successful {seen.kind}: {seen.last_success or 'never'}; failed runs since: {seen.failures}",
                f"mysqlops backup schedule run-now {name}{' --verify' if seen.kind == schedule.VERIFY else ''}",
            )


def _of_receiver(name: str, now: datetime, lease: Json) -> Iterator[Trouble]:
    metadata = lease["metadata"]
    report = binlog.report_of(metadata.get("annotations") or {})
    since = datetime.fromisoformat(metadata["creationTimestamp"])
    if why := receiving.late_because(report, since, now):
        yield ("binlog-late", why, f"kubectl logs deployment/{metadata['name']} -c ship")
    if report is not None and report.gap:
        yield ("binlog-gap", f"binary logs are missing: {report.gap}", f"mysqlops backup create {name}")
