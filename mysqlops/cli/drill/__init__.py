"""mysqlops drill: one command for each fault, and what is done with reports."""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli.drill import abort, all_, compare, fault, list_


class Faults(click.Group):
    """The faults are commands of their own, made of the product's table; the verbs come first."""

    shown = (
        "list",
        "all",
        "compare",
        "abort",
        "kill-mysqld",
    )  # in docs/reference/cli.md: all faults have the same options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        verbs = {name: one.get_short_help_str(120) for name, one in self.commands.items() if name in _VERBS}
        faults = {name: one.get_short_help_str(120) for name, one in self.commands.items() if name not in _VERBS}
        for title, rows in (("Commands", verbs), ("Faults", faults)):
            with formatter.section(title):
                formatter.write_dl(list(rows.items()))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """An unknown fault is told all there are."""
        from mysqlops.drill import faults

        if args and args[0] not in self.commands and not args[0].startswith("-"):
            faults.find(args[0])
        return super().resolve_command(ctx, args)


_VERBS = {"list": list_.command, "all": all_.command, "compare": compare.command, "abort": abort.command}


@click.group(cls=Faults)
def command() -> None:
    """Prove on a running cluster what a fault costs: how long nothing can be written, and whether anything is lost.

    Clients write to a table of their own and keep a ledger of what they were told, in pods of their own. Then the fault
    is made, and healed; every row of every member is compared with the ledger; a report is written. Only a healthy
    cluster with a fresh verified backup is drilled: `mysqlops explain drills`.

    \b
    Examples:
      mysqlops drill list
      mysqlops drill switchover --cluster mysql --count 5 --dry-run
      mysqlops drill kill-mysqld --cluster mysql --slo rto=10s,lost=0 --confirm mysql
      mysqlops drill compare drills/drill-kill-mysqld-A drills/drill-kill-mysqld-B
    """


for _name, _verb in _VERBS.items():
    command.add_command(_verb, _name)
for _made in fault.commands():
    command.add_command(_made)
