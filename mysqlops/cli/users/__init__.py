"""mysqlops users"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "list": "List the accounts.",
        "rotate": "Give the accounts new passwords.",
    },
)
def users() -> None:
    """List the accounts, and rotate the passwords of those that mysqlops created."""
