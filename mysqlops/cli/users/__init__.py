"""mysqlops users: rotate the passwords of the accounts that mysqlops made."""

from __future__ import annotations

import click

from mysqlops.cli.users import rotate


@click.group()
def command() -> None:
    """Rotate the passwords of the accounts that mysqlops made."""


command.add_command(rotate.command, "rotate")
