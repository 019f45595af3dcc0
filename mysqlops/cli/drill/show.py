"""What a drill prints: the announcement to stderr, the result to stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mysqlops.cli import output
from mysqlops.core.drill import Report
from mysqlops.planning.drill import markdown, statistic

if TYPE_CHECKING:
    from mysqlops.operations.drill.run import Plan

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 72


def announce(chosen: Plan) -> None:
    for line in chosen.preview():
        click.echo(line, err=True)


def report(made: Report, folder: Path, form: str) -> None:
    """The whole report as JSON, or its most important lines, the verdict last."""
    if form != "table":
        output.data({**made.as_json(), "folder": str(folder)}, form)
        return
    if made.rounds:
        _table(*markdown.summary_rows(made))
        worst = statistic.worst(made)
        click.echo(f"\nwrites of round {worst.number}, the worst:  |{sparkline(worst.timeline['writes'])}|")
        click.echo(f"events: {'; '.join(f'{text} {at:.2f} s' for at, text in worst.timeline['events'])}\n")
    for line in markdown.verdict(made):
        click.echo(line)
    click.echo(f"report: {folder / 'report.html'}")


def sparkline(counts: list[int]) -> str:
    """As wide as a terminal has room for."""
    each = max(1, -(-len(counts) // _WIDTH))
    grouped = [sum(counts[n : n + each]) for n in range(0, len(counts), each)]
    most = max(1, *grouped) if grouped else 1
    return "".join(_BARS[-(-value * (len(_BARS) - 1) // most)] for value in grouped)


def _table(heads: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        numbers = bool(place) and all(row[place][:1].isdigit() for row in rows)
        table.add_column(head.upper(), justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, row))
    Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200).print(table)


def rows(heads: list[str], lines: list[list[str]], facts: Any, form: str) -> None:
    """A table for people, the facts for machines."""
    if form == "table":
        _table(heads, lines)
    else:
        output.data(facts, form)
