"""mysqlops drill compare"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mysqlops.cli import options
from mysqlops.cli import output as out
from mysqlops.cli.context import Run
from mysqlops.cli.drill import show


@click.command()
@options.offline()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
def compare(run: Run, before: Path, after: Path) -> None:
    """Show which figures changed between two reports, and which differences are only noise.

    The Mann-Whitney rank test at 95 % compares times; the table shows medians. A lost row is never noise.

    \b
    Example:
      mysqlops drill compare drills/drill-freeze-A drills/drill-freeze-B
    """
    from mysqlops.drill import store
    from mysqlops.drill.report import compare as planning

    one, other = store.read(before), store.read(after)
    lines, warnings = planning.compare(one, other), planning.warnings(one, other)
    facts = {"before": str(before), "after": str(after), "figures": [asdict(line) for line in lines]}
    cells = [
        [
            line.name,
            f"{line.before:.2f}",
            f"{line.after:.2f}",
            line.unit,
            f"{line.before_n}, {line.after_n}",
            line.verdict,
        ]
        for line in lines
    ]
    for warning in warnings:
        out.say(f"warning: {warning}", err=True)
    show.rows(["figure", "before", "after", "unit", "n", "verdict"], cells, {**facts, "warnings": warnings}, run.form)
