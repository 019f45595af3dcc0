"""mysqlops backup target unlock"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@click.argument("name")
@options.namespaced("2m")
def command(name: str, **given: Any) -> None:
    """Remove the locks of dead runs from the target NAME.

    Only those that nobody has renewed for 30 minutes: a lock of a run that lives stays.

    \b
    Example:
      mysqlops backup target unlock offsite
    """
    from mysqlops.operations import targets

    form = given.pop("output")
    with context.anywhere(given) as session:
        targets.unlock(session, targets.find(session.client, name))
    output.result({"target": name}, form, f"target {name}: locks of dead runs are gone")
