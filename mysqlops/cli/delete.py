"""mysqlops delete"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mysqlops.cli import options
from mysqlops.cli import output as out
from mysqlops.cli.context import Run

if TYPE_CHECKING:
    from mysqlops.core.plan import Plan


@click.command()
@options.cluster("5m")
@options.confirmed("the cluster is deleted; --yes is not enough with --purge-data")
@click.option("--purge-data", is_flag=True, help="Also delete the claims, with all data, and the passwords.")
@options.dry_run("Show what would be deleted and what kept; change nothing.")
def delete(run: Run, *, purge_data: bool, dry_run: bool) -> None:
    """Delete the cluster NAME; its claims and passwords are kept, and `deploy NAME` uses them again.

    \b
    Examples:
      mysqlops delete mysql --yes
      mysqlops delete mysql --purge-data --confirm mysql
    """
    from mysqlops.operations import delete as operations
    from mysqlops.operations import lock

    name = run.name
    with run.reading() as session:
        client = session.client
        plan = operations.plan(client, name, purge_data=purge_data)
        kept = operations.strangers(client, name) if purge_data else operations.kept(client, name)
    if run.is_for_people or not dry_run:
        _say(plan, kept, dry_run=dry_run)
    if dry_run or not plan.steps:
        _end(run, plan, kept, f"no cluster {name} in namespace {client.namespace}: nothing to delete")
        return
    what = f"deletes {name}, " + ("with all its data" if purge_data else "and keeps its data")
    run.confirm(what, loses=purge_data)
    with (
        run.reading() as session,
        lock.held(session, name, "delete"),
    ):  # what other commands created until then is deleted too
        plan = operations.plan(session.client, name, purge_data=purge_data)
        operations.execute(session, name, plan)
    if not run.is_for_people:
        _answer(plan, kept, run.form, done=True)


def _end(run: Run, plan: Plan, kept: list[str], nothing: str) -> None:
    if not run.is_for_people:
        _answer(plan, kept, run.form, done=False)
    elif not plan.steps:
        out.say(nothing, err=True)


def _say(plan: Plan, kept: list[str], *, dry_run: bool) -> None:
    for step in plan.steps:
        out.say(f"{'would delete' if dry_run else 'delete'} {step.kind} {step.name}: {step.why}", err=not dry_run)
    for item in kept:
        out.say(f"keep   {item}", err=not dry_run)


def _answer(plan: Plan, kept: list[str], form: str, *, done: bool) -> None:
    out.data({"steps": [step.as_json() for step in plan.steps], "kept": kept, "done": done}, form)
