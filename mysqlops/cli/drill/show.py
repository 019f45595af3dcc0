"""Prints a drill: the announcement to stderr, the result to stdout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mysqlops.cli import output
from mysqlops.drill.model import Report
from mysqlops.drill.report import markdown, statistic

if TYPE_CHECKING:
    from mysqlops.drill.run import Plan

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 72


def announce(chosen: Plan) -> None:
    for line in chosen.preview():
        output.say(line, err=True)


def report(made: Report, folder: Path, form: str) -> None:
    """Print the whole report as JSON, or its most important lines, the verdict last."""
    if form != "table":
        output.data({**made.as_json(), "folder": str(folder)}, form)
        return
    if made.rounds:
        output.table(*markdown.summary_rows(made))
        worst = statistic.worst(made)
        output.say()
        output.say(f"writes of round {worst.number}, the worst:  |{sparkline(worst.timeline['writes'])}|")
        output.say(f"events: {'; '.join(f'{text} {at:.2f} s' for at, text in worst.timeline['events'])}")
        output.say()
    for line in markdown.verdict(made):
        output.say(line)
    output.say(f"report: {folder / 'report.html'}")


def sparkline(counts: list[int]) -> str:
    """Bars, at most as many as fit a line of a terminal."""
    each = max(1, -(-len(counts) // _WIDTH))
    grouped = [sum(counts[n : n + each]) for n in range(0, len(counts), each)]
    most = max(1, *grouped) if grouped else 1
    return "".join(_BARS[-(-value * (len(_BARS) - 1) // most)] for value in grouped)


def rows(heads: list[str], lines: list[list[str]], facts: Any, form: str) -> None:
    """Print a table for people, or the facts for machines."""
    if form == "table":
        output.table(heads, lines)
    else:
        output.data(facts, form)
