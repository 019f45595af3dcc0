"""mysqlops drill FAULT, made for each fault of the table"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import output
from mysqlops.cli.context import Run
from mysqlops.cli.drill import options, show
from mysqlops.core import names

if TYPE_CHECKING:
    from mysqlops.drill.run import Outcome, Plan, Request
    from mysqlops.drill.scene import Fault


def command(fault: Fault) -> click.Command:
    about = fault.about

    @click.command(about.name, help=_help(fault), short_help=about.does)
    @options.drilling(20)
    def drill(run: Run, *, name: str | None, request: Request, dry_run: bool) -> int:
        return make(fault, run, name, request, dry_run=dry_run)

    return drill


def _help(fault: Fault) -> str:
    from mysqlops.drill.model import NAMESPACE, NEEDS

    about = fault.about
    hit = about.preview("the primary" if about.aim == "primary" else "a member", "the others")
    needs = "" if about.needs == NAMESPACE else f"\n\nNeeds {NEEDS[about.needs]}."
    example = f"\b\nExample:\n  mysqlops drill {about.name} mysql --confirm mysql"
    where = "Without NAME, the namespace must have exactly one cluster."
    return f"{about.does[:1].upper()}{about.does[1:]}.\n\nBlast radius: {hit}. {where}{needs}\n\n{example}"


def make(fault: Fault, run: Run, name: str | None, request: Request, *, dry_run: bool) -> int:
    """Drill the fault and return the exit status."""
    from mysqlops.drill import run as drilling
    from mysqlops.operations import lock

    with run.reading() as session:
        cluster = names.check_cluster_name(drilling.the_cluster(session, name))
        chosen = drilling.plan(session, cluster, fault, request)
        if dry_run:
            preview(chosen, run.form)
            return 0
        show.announce(chosen)
    # Ask before the live line starts, which would hide the question.
    run.of(cluster).confirm(f"breaks {cluster}")
    with output.progress() as progress:
        session = replace(session, progress=progress)
        # The same seed again: the drill does what was announced.
        with lock.held(session, cluster, f"drill {fault.about.name}"):
            chosen = drilling.plan(session, cluster, fault, replace(request, seed=chosen.seed))
            done = drilling.execute(chosen)
    return finish(done, run.form)


def preview(chosen: Plan, form: str) -> None:
    lines = chosen.preview()
    facts = {"fault": chosen.fault.about.name, "cluster": chosen.name, "seed": chosen.seed, "preview": lines}
    output.result({**facts, "changed": False}, form, *lines, "nothing was changed")


def finish(done: Outcome, form: str) -> int:
    """Print the results, also those of a failed drill, and return the status. Wrong rows outrank a failure."""
    show.report(done.report, done.folder, form)
    if done.failure is not None and done.report.is_clean:
        raise done.failure
    return status_of(done)


def status_of(done: Outcome) -> int:
    if not done.report.is_clean:
        return errors.EXIT_NOT_CLEAN
    return errors.EXIT_SLO_MISSED if done.report.missed else 0
