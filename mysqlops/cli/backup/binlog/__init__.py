"""mysqlops backup binlog"""

from __future__ import annotations

import click

from mysqlops.cli.backup.binlog import list_, start, stop


@click.group()
def command() -> None:
    """Keep binary logs in a target: to restore to any moment."""


command.add_command(start.command, "start")
command.add_command(list_.command, "list")
command.add_command(stop.command, "stop")
