"""mysqlops backup schedule list"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run

if TYPE_CHECKING:
    from mysqlops.objects.schedule import Seen

_COLUMNS = ("CLUSTER", "WHAT", "CRON", "TARGET", "NEXT", "LAST SUCCESS", "FAILURES", "STATE")


@click.command()
@options.namespaced("1m")
def list(run: Run) -> None:
    """List the schedules of the namespace: next run, last success, and failures since then.

    \b
    Example:
      mysqlops backup schedule list
    """
    from mysqlops.operations import schedule

    with run.reading() as session:
        found = schedule.seen(session)
    if not run.is_for_people:
        output.data([{**asdict(cron_job), "overdue": cron_job.is_overdue} for cron_job in found], run.form)
        return
    output.table(_COLUMNS, [_row(cron_job) for cron_job in found])


def _row(one: Seen) -> tuple[str, ...]:
    state = "running" if one.running else "overdue" if one.is_overdue else "ok"
    what = (one.cluster, one.kind, one.cron, one.target, one.next or "?", one.last_success or "never")
    return (*what, str(one.failures), state)
