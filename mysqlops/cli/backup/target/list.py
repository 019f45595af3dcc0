"""mysqlops backup target list"""

from __future__ import annotations

from dataclasses import asdict

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.namespaced("1m")
def list(run: Run) -> None:
    """List the namespace's targets.

    \b
    Example:
      mysqlops backup target list
    """
    from mysqlops.operations import targets

    with run.reading() as session:
        found = targets.everything(session.client)
    lines = [f"{target.name:20} {target.place}" for target in found]
    output.result([asdict(target) for target in found], run.form, *(lines or ["no targets"]))
