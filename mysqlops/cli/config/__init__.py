"""mysqlops config"""

from __future__ import annotations

from mysqlops.cli import tree

config = tree.group(
    __name__,
    "Show and change the servers' settings.",
    {
        "get": "Show settings, in my.cnf and on each member.",
        "set": "Change settings.",
        "diff": "Show where members differ from my.cnf.",
    },
)
