"""mysqlops backup target"""

from __future__ import annotations

from mysqlops.cli import tree

target = tree.group(
    __name__,
    "Manage the places where backups are stored: restic repositories on S3, a claim, or other storage of restic.",
    {
        "add": "Add a target.",
        "check": "Check a target: write, read and delete a probe.",
        "list": "List the targets of the namespace.",
        "rotate": "Give the repository another password.",
        "unlock": "Remove the locks of dead runs.",
    },
)
