"""mysqlops config get"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.cluster("1m")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
def get(run: Run, keys: tuple[str, ...]) -> None:
    """Show settings of NAME: the value in my.cnf, and the one on each member. Without KEY, show all that my.cnf sets.

    \b
    Examples:
      mysqlops config get mysql
      mysqlops config get mysql max_connections sort_buffer_size
    """
    from mysqlops.operations import configure

    with run.reading() as session:
        values = configure.read(session, run.name, list(keys))
    output.show_settings(values, run.form)
