"""mysqlops storage"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "resize": "Enlarge the volumes.",
    },
)
def storage() -> None:
    """Change the members' volumes."""
