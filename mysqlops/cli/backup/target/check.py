"""mysqlops backup target check"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@click.argument("name")
@options.namespaced("2m")
def command(name: str, **given: Any) -> None:
    """Write, read and delete a probe in the target NAME.

    \b
    Example:
      mysqlops backup target check offsite
    """
    from mysqlops.operations import targets

    form = given.pop("output")
    with context.anywhere(given) as session:
        chosen = targets.find(session.client, name)
        targets.check(session, chosen)
    output.result({"target": name, "works": True}, form, f"target {name} works: {chosen.place}")
