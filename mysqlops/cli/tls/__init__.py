"""mysqlops tls"""

from __future__ import annotations

import click

from mysqlops.cli.tree import Tree


@click.group(
    cls=Tree,
    package=__name__,
    table={
        "rotate": "Give the members a new certificate.",
    },
)
def tls() -> None:
    """Rotate the certificate of the members, and the CA that signs it."""
