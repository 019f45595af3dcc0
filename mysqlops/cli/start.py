"""mysqlops start"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import counting


@click.command()
@options.cluster("10m")
@options.dry_run()
@options.wait("Wait until all members are back and compare them, or return once their pods are ordered.")
def start(run: Run, *, dry_run: bool, wait: bool) -> None:
    """Start NAME after `stop`, and check that every member still holds what it held.

    \b
    Example:
      mysqlops start mysql
    """
    from mysqlops.operations import stop

    started = run.do(lambda session: stop.start(session, run.name, wait=wait), f"start {run.name}", dry_run=dry_run)
    text = (
        f"{run.name} is up, with everything that its {counting.of(started['replicas'], 'member')} held before the stop"
    )
    if not wait:
        text = f"{run.name} is starting; mysqlops start {run.name} waits for its members and compares them"
    output.result({**started, "waited": wait}, run.form, text)
