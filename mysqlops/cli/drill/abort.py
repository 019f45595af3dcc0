"""mysqlops drill abort"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.cli.drill import options as drilling


@click.command()
@options.cluster("5m")
@drilling.node_image
@options.dry_run("Show what is open; change nothing.")
def abort(run: Run, *, node_image: str, dry_run: bool) -> None:
    """Undo what a drill of NAME broke, and remove its clients, table and record.

    Use it for a drill whose command was killed. To stop a running drill, press Ctrl-C in its terminal.

    \b
    Example:
      mysqlops drill abort mysql
    """
    from mysqlops.drill import abort as operations

    name = run.name
    if dry_run:
        _preview(run)
        return
    with run.reading() as session:
        found = operations.execute(session, name, node_image)
    if found is None:
        output.result(
            {"aborted": None, "changed": False}, run.form, f"no drill of {name} was open; nothing is left of one"
        )
        return
    text = f"the drill of {found.fault} by {found.by} is undone; nothing is left of it"
    output.result({"aborted": found.fault, "changed": True}, run.form, text)


def _preview(run: Run) -> None:
    from mysqlops.drill import record

    with run.reading() as session:
        found = record.read(session.client, run.name)
    text = f"no drill of {run.name} is open" if found is None else f"would undo {found.fault} by {found.by}"
    facts = {"would": text, "changed": False}
    output.result(facts, run.form, f"{text}; nothing was changed")
