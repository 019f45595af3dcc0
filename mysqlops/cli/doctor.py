"""mysqlops doctor"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run
from mysqlops.core import counting

if TYPE_CHECKING:
    from mysqlops.operations.doctor import Report
    from mysqlops.planning.checks.model import Check

_WIDTH = 80


@click.command()
@click.argument("name", required=False, shell_complete=complete.clusters)
@options.namespaced("1m")
@options.confirmed("objects of the cluster are restored")
@options.dry_run("Show what --fix would do; change nothing.")
@click.option("--fix", is_flag=True, help="Recreate missing or changed objects where that is safe.")
@click.option("--check", "wanted", multiple=True, metavar="CHECK", help="Run only this check; may be repeated.")
@click.option("--list", "only_list", is_flag=True, help="List the checks; ask nothing.")
def doctor(run: Run, *, name: str | None, wanted: tuple[str, ...], only_list: bool, fix: bool, dry_run: bool) -> int:
    """Check NAME, or all clusters of the namespace: what is wrong, why it matters, and the command that fixes it.

    It changes nothing, unless --fix is given: that restores Services, the PodDisruptionBudget, the agents' Role and its
    binding where they are missing or were changed. Checks that your rights do not allow are listed as not run.

    Exit status: 0 nothing found, 8 findings, 9 a cluster is down.

    \b
    Examples:
      mysqlops doctor mysql
      mysqlops doctor mysql --check tables --check disk
      mysqlops doctor mysql --fix
      mysqlops doctor -o json
    """
    from mysqlops.operations import clusters as existing
    from mysqlops.operations import doctor as operations

    chosen = operations.chosen(wanted)
    if only_list:
        rows = [(check.name, check.holds) for check in chosen]
        if run.is_for_people:
            output.table(("CHECK", "TRUE IF NOTHING IS FOUND"), rows)
        else:
            output.data([{"check": check, "holds": holds} for check, holds in rows], run.form)
        return 0
    if fix or dry_run:
        if name is None:
            raise errors.ConfigError("--fix: name the cluster")
        if not _fix(run.of(name), chosen, dry_run=dry_run):
            return 0
    with run.reading() as session:
        clusters = [run.of(name).name] if name else existing.every(session)
        reports = [operations.examine(session, cluster, chosen) for cluster in clusters]
    if run.is_for_people:
        for report in reports:
            _show(report)
    else:
        output.data({"clusters": [report.as_json() for report in reports]}, run.form)
    return max(map(_exit_status, reports))


def _fix(run: Run, chosen: Sequence[Check], *, dry_run: bool) -> bool:
    """False if the answer is given already."""
    from mysqlops.operations import doctor as operations

    with run.reading() as session:
        steps = operations.fixes(session, run.name, chosen)
    if dry_run:
        output.show_steps(steps, run.form)
        return False
    if steps:
        run.confirm(f"applies {', '.join(f'{step.kind} {step.name}' for step in steps)} of {run.name} again")
        with run.changing() as session:
            operations.fix(session, run.name, steps)
    return True


def _exit_status(report: Report) -> int:
    from mysqlops.planning import status

    if report.now.verdict == status.DOWN:
        return errors.EXIT_DOWN
    return errors.EXIT_DEGRADED if report.findings else 0


def _show(report: Report) -> None:
    found = "nothing found" if not report.findings else counting.of(len(report.findings), "finding")
    checks = counting.of(len(report.checked), "check")
    output.say(f"{report.now.name} in {report.now.namespace}: {checks}, {found}")
    for finding in report.findings:
        output.say()
        _wrapped(f"{finding.check}: ", finding.what)
        for word, text in (("seen", finding.evidence), ("why", finding.why), ("fix", finding.fix)):
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
