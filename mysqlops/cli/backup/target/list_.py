"""mysqlops backup target list"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.namespaced("1m")
def command(**given: Any) -> None:
    """List the namespace's targets.

    \b
    Example:
      mysqlops backup target list
    """
    from mysqlops.operations import targets

    form = given.pop("output")
    with context.anywhere(given) as session:
        found = targets.everything(session.client)
    lines = [f"{one.name:20} {one.place}" for one in found]
    output.result([asdict(one) for one in found], form, "\n".join(lines) or "no targets")
