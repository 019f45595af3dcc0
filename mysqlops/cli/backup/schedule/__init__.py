"""mysqlops backup schedule"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "set": "Schedule backups and verification.",
        "list": "List the schedules of the namespace.",
        "run-now": "Start a scheduled backup at once.",
        "remove": "Stop the scheduled backups.",
    },
)
def schedule() -> None:
    """Schedule backups and their verification."""
