"""mysqlops drill abort"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output
from mysqlops.cli.drill import options as drilling


@click.command()
@drilling.node_image
@options.changing("5m")
def command(name: str, **given: Any) -> None:
    """Undo what a drill of NAME broke, and remove what it left.

    Clients, table and record go. For a drill whose command was killed; one that still runs is stopped with Ctrl-C
    where it runs.

    \b
    Example:
      mysqlops drill abort mysql
    """
    from mysqlops.drill import abort

    form, image = given.pop("output"), given.pop("node_image")
    with context.reading(name, given) as session:
        found = abort.execute(session, name, image)
    if found is None:
        output.result({"aborted": None, "changed": False}, form, f"no drill of {name} was open; nothing is left of one")
        return
    text = f"the drill of {found.fault} by {found.by} is undone; nothing is left of it"
    output.result({"aborted": found.fault, "changed": True}, form, text)
