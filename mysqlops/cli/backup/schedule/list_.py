"""mysqlops backup schedule list"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mysqlops.cli import context, options, output

if TYPE_CHECKING:
    from mysqlops.objects.schedule import Seen

_COLUMNS = ("CLUSTER", "WHAT", "CRON", "TARGET", "NEXT", "LAST SUCCESS", "FAILURES", "STATE")


@click.command()
@options.namespaced("1m")
def command(**given: Any) -> None:
    """List the namespace's schedules: the next run, the last success, failures since then.

    \b
    Example:
      mysqlops backup schedule list
    """
    from mysqlops.operations import schedule

    form = given.pop("output")
    with context.anywhere(given) as session:
        found = schedule.seen(session)
    if form != "table":
        output.data([{**asdict(one), "overdue": one.is_overdue} for one in found], form)
        return
    output.table(_COLUMNS, [_row(one) for one in found])


def _row(one: Seen) -> tuple[str, ...]:
    state = "running" if one.running else "overdue" if one.is_overdue else "ok"
    what = (one.cluster, one.kind, one.cron, one.target, one.next, one.last_success or "never")
    return (*what, str(one.failures), state)
