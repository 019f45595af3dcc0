"""mysqlops users"""

from __future__ import annotations

from mysqlops.cli import tree

users = tree.group(
    __name__,
    "List the accounts, and rotate the passwords of those that mysqlops created.",
    {
        "list": "List the accounts.",
        "rotate": "Give the accounts new passwords.",
    },
)
