"""mysqlops backup schedule remove"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Question, Run


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

    run.do(
        lambda session: schedule.remove(session, run.name),
        f"remove the schedules of {run.name}",
        dry_run=dry_run,
        question=Question(f"ends the scheduled backups of {run.name}"),
    )
    output.result({"cluster": run.name}, run.form, f"{run.name} has no more scheduled backups")
