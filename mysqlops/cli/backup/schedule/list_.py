"""mysqlops backup schedule list"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click

from mysqlops.cli import context, options, output

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
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, no_wrap=True)
    for one in found:
        state = "running" if one.running else "overdue" if one.is_overdue else "ok"
        table.add_row(
            *(one.cluster, one.kind, one.cron, one.target, one.next, one.last_success or "never"),
            *(str(one.failures), state),
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)
