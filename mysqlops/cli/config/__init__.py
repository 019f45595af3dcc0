"""mysqlops config"""

from __future__ import annotations

import click

from mysqlops.cli.config import diff, get, set_


@click.group()
def command() -> None:
    """See and change the servers' settings."""


command.add_command(get.command, "get")
command.add_command(set_.command, "set")
command.add_command(diff.command, "diff")
