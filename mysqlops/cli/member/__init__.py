"""mysqlops member"""

from __future__ import annotations

from mysqlops.cli import tree

member = tree.group(
    __name__,
    "Take one member out of service, put it back, or rebuild it.",
    {
        "fence": "Take a member out of service.",
        "unfence": "Put a member back into service.",
        "rebuild": "Delete a member's data and copy it from the group.",
    },
)
