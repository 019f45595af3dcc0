"""mysqlops backup target"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "add": "Add a target.",
        "check": "Check a target: write, read and delete a probe.",
        "list": "List the targets of the namespace.",
        "rotate": "Give the repository another password.",
        "unlock": "Remove the locks of dead runs.",
    },
)
def target() -> None:
    """Manage the places where backups are stored: restic repositories on S3, a claim, or other storage of restic."""
