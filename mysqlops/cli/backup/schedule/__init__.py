"""mysqlops backup schedule"""

from __future__ import annotations

from mysqlops.cli import tree

schedule = tree.group(
    __name__,
    "Schedule backups and their verification.",
    {
        "set": "Schedule backups and verification.",
        "list": "List the schedules of the namespace.",
        "run-now": "Start a scheduled backup at once.",
        "remove": "Stop the scheduled backups.",
    },
)
