"""mysqlops backup binlog"""

from __future__ import annotations

from mysqlops.cli import tree

binlog = tree.group(
    __name__,
    "Store binary logs in a target, to restore to any moment.",
    {
        "start": "Store the binary logs from now on.",
        "list": "List the binary logs in a target.",
        "stop": "Stop storing binary logs.",
    },
)
