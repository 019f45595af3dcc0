"""mysqlops backup target check"""

from __future__ import annotations

import click

from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run


@click.command()
@click.argument("name", shell_complete=complete.targets)
@options.namespaced("2m")
def check(run: Run, name: str) -> None:
    """Check the target NAME: write, read and delete a probe.

    \b
    Example:
      mysqlops backup target check offsite
    """
    from mysqlops.operations import targets

    with run.reading() as session:
        chosen = targets.find(session.client, name)
        targets.check(session, chosen)
    output.result({"target": name, "works": True}, run.form, f"target {name} works: {chosen.place}")
