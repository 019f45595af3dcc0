"""mysqlops config get"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("1m")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
def command(name: str, keys: tuple[str, ...], **given: Any) -> None:
    """Show settings of NAME: what my.cnf says, and what each member runs with. Without KEY all that my.cnf sets.

    \b
    Examples:
      mysqlops config get mysql
      mysqlops config get mysql max_connections sort_buffer_size
    """
    from mysqlops.operations import configure

    form = given.pop("output")
    with context.reading(name, given) as session:
        values = configure.read(session, name, list(keys))
    output.show_settings(values, form)
