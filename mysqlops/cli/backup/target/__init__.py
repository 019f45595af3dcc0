"""mysqlops backup target"""

from __future__ import annotations

import click

from mysqlops.cli.backup.target import add, check, list_, rotate, unlock


@click.group()
def command() -> None:
    """Where backups go: restic repositories on S3, a claim, or anything that restic knows."""


command.add_command(add.command, "add")
command.add_command(check.command, "check")
command.add_command(list_.command, "list")
command.add_command(rotate.command, "rotate")
command.add_command(unlock.command, "unlock")
