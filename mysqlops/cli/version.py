"""mysqlops version"""

from __future__ import annotations

import click

from mysqlops.cli import options
from mysqlops.cli import output as out
from mysqlops.version import __version__


@click.command()
@options.output("table", "json", "yaml")
def command(output: str) -> None:
    """Show the version of the CLI and of the agent that it would deploy."""
    from mysqlops.operations import bundle

    agent = bundle.build().version
    if output != "table":
        out.data({"mysqlops": __version__, "agent": agent}, output)
        return
    out.say(f"mysqlops {__version__}, agent {agent}")
