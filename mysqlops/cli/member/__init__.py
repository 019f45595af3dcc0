"""mysqlops member"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "fence": "Take a member out of service.",
        "unfence": "Put a member back into service.",
        "rebuild": "Delete a member's data and copy it from the group.",
    },
)
def member() -> None:
    """Take one member out of service, put it back, or rebuild it."""
