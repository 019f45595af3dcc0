"""mysqlops backup target unlock"""

from __future__ import annotations

import click

from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run


@click.command()
@click.argument("name", shell_complete=complete.targets)
@options.dry_run()
@options.namespaced("2m")
def unlock(run: Run, name: str, *, dry_run: bool) -> None:
    """Remove the locks of dead runs from the target NAME.

    It removes only locks that nobody has renewed for 30 minutes, so the lock of a running Job stays.

    \b
    Example:
      mysqlops backup target unlock offsite
    """
    from mysqlops.operations import targets

    run.do(
        lambda session: targets.unlock(session, targets.find(session.client, name)),
        f"remove the locks of dead runs from {name}",
        dry_run=dry_run,
        locks=False,
    )
    output.result({"target": name}, run.form, f"target {name}: locks of dead runs are removed")
