"""mysqlops drill list"""

from __future__ import annotations

import click

from mysqlops.cli import options
from mysqlops.cli import output as out
from mysqlops.cli.context import Run
from mysqlops.cli.drill import show


@click.command()
@options.offline()
def list(run: Run) -> None:
    """List the faults, with what each does and needs.

    \b
    Example:
      mysqlops drill list
    """
    from mysqlops.drill import faults
    from mysqlops.drill.model import NEEDS

    found = [fault.about for fault in faults.FAULTS.values()]
    facts = [
        {"name": fault.name, "does": fault.does, "needs": fault.needs, "aim": fault.aim, "lasts": fault.lasts}
        for fault in found
    ]
    show.rows(
        ["fault", "needs", "what"],
        [[fault.name, fault.needs, fault.does] for fault in found],
        {"faults": facts},
        run.form,
    )
    if run.is_for_people:
        out.say()
        for name, text in NEEDS.items():
            out.say(f"{name}: {text}")
