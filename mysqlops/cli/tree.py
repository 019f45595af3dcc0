"""The tree of commands: `mysqlops backup list` is the function `list` of mysqlops/cli/backup/list.py, imported when it
is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from mysqlops.cli import options
from mysqlops.core import nearest


class Tree(click.Group):
    """A group that lists its commands without importing them, and accepts their common options before the verb."""

    def __init__(self, *, package: str, table: Mapping[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self.package, self.table = package, table
        self.params += options.anywhere_before(is_root=package == "mysqlops.cli")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        name = cmd_name.replace("-", "_")
        found: click.Command = getattr(import_module(f"{self.package}.{name}"), name)
        found.name = cmd_name
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            asked = nearest.question(args[0], known)
            ctx.fail(f"No such command {args[0]!r}.{f' {asked[0].upper()}{asked[1:]}' if asked else ''}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click does it, but from the table: click imports every command that is offered."""
        offered = [
            CompletionItem(name, help=about) for name, about in self.table.items() if name.startswith(incomplete)
        ]
        return [*offered, *super(click.Group, self).shell_complete(ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))


def group(package: str, about: str, table: Mapping[str, str]) -> Tree:
    """The group of the commands in this package."""
    return Tree(package=package, table=table, name=package.rpartition(".")[2], help=about)
