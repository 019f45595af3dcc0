"""mysqlops storage"""

from __future__ import annotations

import click

from mysqlops.cli.storage import resize


@click.group()
def command() -> None:
    """Change the members' volumes."""


command.add_command(resize.command, "resize")
