"""mysqlops config"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "get": "Show settings, in my.cnf and on each member.",
        "set": "Change settings.",
        "diff": "Show where members differ from my.cnf.",
    },
)
def config() -> None:
    """Show and change the servers' settings."""
