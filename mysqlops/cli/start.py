"""mysqlops start"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.cluster("10m")
@options.dry_run()
def start(run: Run, *, dry_run: bool) -> None:
    """Start NAME after `stop`, and check that every member still holds what it held.

    \b
    Example:
      mysqlops start mysql
    """
    from mysqlops.operations import stop

    if dry_run:
        run.rehearse(lambda session: stop.start(session, run.name), f"start {run.name}")
        return
    with run.changing() as session:
        started = stop.start(session, run.name)
    text = f"{run.name} is up: {started['replicas']} members hold everything they held before"
    output.result(started, run.form, text)
