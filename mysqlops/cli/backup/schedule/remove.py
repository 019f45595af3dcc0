"""mysqlops backup schedule remove"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.cluster("1m")
@options.confirmed("no more backups are made")
@options.dry_run()
def remove(run: Run, *, dry_run: bool) -> None:
    """Stop the scheduled backups of NAME. Existing backups are kept.

    \b
    Example:
      mysqlops backup schedule remove mysql --yes
    """
    from mysqlops.operations import schedule

    if dry_run:
        run.rehearse(lambda session: schedule.remove(session, run.name), f"remove the schedules of {run.name}")
        return
    run.confirm(f"ends the scheduled backups of {run.name}")
    with run.changing() as session:
        schedule.remove(session, run.name)
    output.result({"cluster": run.name}, run.form, f"{run.name} has no more scheduled backups")
