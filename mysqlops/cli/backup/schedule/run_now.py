"""mysqlops backup schedule run-now"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.cluster("6h")
@click.option("--verify", is_flag=True, help="Start the verification instead of the backup.")
@options.wait("Wait until the Job has ended.")
@options.dry_run()
def run_now(run: Run, *, verify: bool, wait: bool, dry_run: bool) -> None:
    """Start the scheduled backup of NAME, or its verification, at once.

    \b
    Example:
      mysqlops backup schedule run-now mysql --verify
    """
    from mysqlops.operations import schedule

    kind = "verify" if verify else "backup"
    job = run.do(
        lambda session: schedule.run_now(session, run.name, kind, wait=wait),
        f"start the {kind} of {run.name}",
        dry_run=dry_run,
        locks=False,
    )
    output.result({"job": job}, run.form, f"Job {job} {'succeeded' if wait else 'is started'}")
