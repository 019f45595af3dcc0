"""mysqlops tls: rotate the certificate that members and Services show."""

from __future__ import annotations

import click

from mysqlops.cli.tls import rotate


@click.group()
def command() -> None:
    """Rotate the certificate that members and Services show."""


command.add_command(rotate.command, "rotate")
