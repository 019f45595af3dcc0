"""mysqlops backup binlog"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "start": "Store the binary logs from now on.",
        "list": "List the binary logs in a target.",
        "stop": "Stop storing binary logs.",
    },
)
def binlog() -> None:
    """Store binary logs in a target, to restore to any moment."""
