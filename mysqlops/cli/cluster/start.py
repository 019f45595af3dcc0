"""mysqlops start"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("10m")
def command(name: str, **given: Any) -> None:
    """Start NAME after a `stop`, and check that every member still holds what it held.

    \b
    Example:
      mysqlops start mysql
    """
    from mysqlops.operations import stop

    form = given.pop("output")
    with context.changing(name, "start", given) as session:
        started = stop.start(session, name)
    text = f"{name} is up: {started['replicas']} members hold all that they held before"
    output.result(started, form, text)
