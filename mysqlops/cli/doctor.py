"""mysqlops doctor"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run

if TYPE_CHECKING:
    from mysqlops.operations.doctor import Report

_WIDTH = 80


@click.command()
@click.argument("name", required=False, shell_complete=complete.clusters)
@options.namespaced("1m")
@click.option("--check", "wanted", multiple=True, metavar="CHECK", help="Only this check; may be repeated.")
@click.option("--list", "only_list", is_flag=True, help="List the checks; ask nothing.")
def doctor(run: Run, *, name: str | None, wanted: tuple[str, ...], only_list: bool) -> int:
    """Check NAME, or all clusters of the namespace: what is wrong, why it matters, and the command that fixes it.

    It changes nothing. Checks that your rights do not allow are listed as not made.

    Exit status: 0 nothing found, 8 findings, 9 a cluster is down.

    \b
    Examples:
      mysqlops doctor mysql
      mysqlops doctor mysql --check tables --check disk
      mysqlops doctor -o json
    """
    from mysqlops.operations import clusters as existing
    from mysqlops.operations import doctor as operations

    chosen = operations.chosen(wanted)
    if only_list:
        rows = [(one.name, one.holds) for one in chosen]
        if run.is_for_people:
            output.table(("CHECK", "TRUE IF NOTHING IS FOUND"), rows)
        else:
            output.data([{"check": check, "holds": holds} for check, holds in rows], run.form)
        return 0
    with run.reading() as session:
        clusters = [run.of(name).name] if name else existing.every(session)
        reports = [operations.examine(session, one, chosen) for one in clusters]
    if run.is_for_people:
        for report in reports:
            _show(report)
    else:
        output.data({"clusters": [one.as_json() for one in reports]}, run.form)
    return max(map(_exit_status, reports))


def _exit_status(report: Report) -> int:
    from mysqlops.planning import status

    if report.now.verdict == status.DOWN:
        return errors.EXIT_DOWN
    return errors.EXIT_DEGRADED if report.findings else 0


def _show(report: Report) -> None:
    found = "nothing found" if not report.findings else f"{len(report.findings)} findings"
    output.say(f"{report.now.name} in {report.now.namespace}: {len(report.checked)} checks, {found}")
    for one in report.findings:
        output.say()
        _wrapped(f"{one.check}: ", one.what)
        for word, text in (("seen", one.evidence), ("why", one.why), ("fix", one.fix)):
            _wrapped(f"  {word + ':':6}", text)
    if report.unchecked:
        output.say()
    for check, why in report.unchecked.items():
        _wrapped(f"not checked: {check}: ", why, indent="  ")


def _wrapped(start: str, text: str, *, indent: str = "") -> None:
    """Commands and names are not broken inside a word, so that they can be copied."""
    lines = textwrap.wrap(
        f"{start}{text}",
        _WIDTH,
        subsequent_indent=indent or " " * min(len(start), 8),
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        output.say(line)
