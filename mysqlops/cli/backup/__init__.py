"""mysqlops backup"""

from __future__ import annotations

import click

from mysqlops.cli.backup import binlog, create, delete, describe, export, list_, prune, schedule, target, verify


@click.group()
def command() -> None:
    """Make, list, verify, schedule and remove backups."""


command.add_command(create.command, "create")
command.add_command(list_.command, "list")
command.add_command(describe.command, "describe")
command.add_command(export.command, "export")
command.add_command(verify.command, "verify")
command.add_command(prune.command, "prune")
command.add_command(delete.command, "delete")
command.add_command(target.command, "target")
command.add_command(schedule.command, "schedule")
command.add_command(binlog.command, "binlog")
