"""mysqlops backup"""

from __future__ import annotations

from mysqlops.cli import tree

backup = tree.group(
    __name__,
    "Create, list, verify, schedule and delete backups.",
    {
        "create": "Back up a cluster.",
        "list": "List the backups in a target.",
        "describe": "Show everything recorded with a backup.",
        "export": "Write a backup as one tar file onto a claim.",
        "verify": "Restore a backup in a separate pod, and compare.",
        "prune": "Delete the backups that a policy does not keep.",
        "delete": "Delete one backup.",
        "target": "Manage the places where backups are stored.",
        "schedule": "Schedule backups and their verification.",
        "binlog": "Store binary logs, to restore to any moment.",
    },
)
