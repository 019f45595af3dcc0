"""mysqlops backup"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "create": "Back a cluster up.",
        "list": "List what a target holds.",
        "describe": "Show all that was recorded with a backup.",
        "export": "Write a backup as one tar file onto a claim.",
        "verify": "Restore a backup in a pod of its own, and compare.",
        "prune": "Remove what a policy does not keep.",
        "delete": "Delete one backup.",
        "target": "Manage where backups go.",
        "schedule": "Schedule backups and their verification.",
        "binlog": "Keep binary logs, to restore to any moment.",
    },
)
def backup() -> None:
    """Make, list, verify, schedule and remove backups."""
