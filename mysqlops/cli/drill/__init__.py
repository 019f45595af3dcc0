"""mysqlops drill: a command for each fault, and commands for reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from mysqlops.cli.tree import Tree
from mysqlops.core import nearest

_VERBS = {
    "list": "Show every fault, what it does and what it needs.",
    "all": "Drill every fault that is possible here, one after another.",
    "compare": "Show what changed between two reports.",
    "abort": "Undo what a drill broke, and remove what it left.",
}


class Faults(Tree):
    """A command for each fault in the table, listed after the verbs."""

    shown = (*_VERBS, "kill-mysqld")  # the commands in docs/reference/cli.md: all faults have the same options

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_faults()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.table or cmd_name not in _faults():
            return super().get_command(ctx, cmd_name)
        from mysqlops.cli.drill import fault

        return fault.command(_faults()[cmd_name])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """A word that is like no command is refused with the list of all faults."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-") and not nearest.names(args[0], known):
            from mysqlops.drill import faults

            faults.find(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_commands(ctx, formatter)
        with formatter.section("Faults"):
            formatter.write_dl([(name, fault.about.does) for name, fault in _faults().items()])


def _faults() -> Mapping[str, Any]:
    from mysqlops.drill import faults

    return faults.FAULTS


@click.group(cls=Faults, package=__name__, table=_VERBS)
def drill() -> None:
    """Measure on a running cluster what a fault costs: how long nothing can be written, and whether anything is lost.

    Clients in separate pods write to a table of their own, and keep a ledger of the answers they get. The fault is made
    and healed; then every row of every member is compared with the ledger, and a report is written. Only a healthy
    cluster with a fresh verified backup is drilled: `mysqlops explain drills`.

    \b
    Examples:
      mysqlops drill list
      mysqlops drill switchover mysql --count 5 --dry-run
      mysqlops drill kill-mysqld mysql --slo rto=10s,lost=0 --yes
      mysqlops drill compare drills/drill-kill-mysqld-A drills/drill-kill-mysqld-B
    """
