"""mysqlops users"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "rotate": "Give the accounts new passwords.",
    },
)
def users() -> None:
    """Rotate the passwords of the accounts that mysqlops created."""
