"""mysqlops backup verify"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.backup import show
from mysqlops.cli.context import Run


@click.command()
@options.cluster("6h")
@options.backup
@options.dry_run("Check everything; change nothing.")
@options.target
def verify(run: Run, backup: str, *, target: str | None, dry_run: bool) -> None:
    """Restore BACKUP into a pod of its own, start it, and compare every table with what was recorded.

    NAME is the cluster whose image and settings are used; the pod has no network. The result is recorded in the
    target, with the time that fetching and starting took.

    \b
    Example:
      mysqlops backup verify mysql mysql-20261124-163000
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    if dry_run:
        run.rehearse(
            lambda session: operations.verify(session, run.name, targets.find(session.client, target), backup),
            f"restore {backup} in a pod of its own, and compare it",
        )
        return
    with run.reading() as session:
        done = operations.verify(session, run.name, targets.find(session.client, target), backup)
    seconds = done.verified.seconds if done.verified else 0.0
    text = (
        f"{done.id} is good: fetched and started in {seconds} s, {done.tables} tables and {done.rows} rows as recorded"
    )
    output.result(show.as_json(done), run.form, text)
