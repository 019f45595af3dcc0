"""mysqlops backup schedule"""

from __future__ import annotations

import click

from mysqlops.cli.backup.schedule import list_, remove, run_now, set_


@click.group()
def command() -> None:
    """Back up and verify by the clock."""


command.add_command(set_.command, "set")
command.add_command(list_.command, "list")
command.add_command(run_now.command, "run-now")
command.add_command(remove.command, "remove")
