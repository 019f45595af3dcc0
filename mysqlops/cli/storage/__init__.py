"""mysqlops storage"""

from __future__ import annotations

from mysqlops.cli import tree

storage = tree.group(
    __name__,
    "Change the members' volumes.",
    {
        "resize": "Enlarge the volumes.",
    },
)
