"""mysqlops member: the verbs on one member."""

from __future__ import annotations

import click

from mysqlops.cli.member import fence, rebuild, unfence


@click.group()
def command() -> None:
    """Take one member out of service, put it back, or rebuild it."""


command.add_command(fence.command, "fence")
command.add_command(unfence.command, "unfence")
command.add_command(rebuild.command, "rebuild")
