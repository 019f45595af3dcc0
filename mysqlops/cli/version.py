"""mysqlops version"""

from __future__ import annotations

import click

from mysqlops.cli import options
from mysqlops.cli import output as out
from mysqlops.cli.context import Run
from mysqlops.version import __version__


@click.command()
@options.offline()
def version(run: Run) -> None:
    """Show the version of the CLI and of the agent that it would deploy."""
    from mysqlops.operations import bundle

    agent = bundle.build().version
    if not run.is_for_people:
        out.data({"mysqlops": __version__, "agent": agent}, run.form)
        return
    out.say(f"mysqlops {__version__}, agent {agent}")
