"""mysqlops delete"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import context as contexts
from mysqlops.cli import options
from mysqlops.cli import output as out
from mysqlops.core import names

if TYPE_CHECKING:
    from mysqlops.core.plan import Plan


@click.command()
@click.argument("name")
@options.connection
@options.timeout("5m")
@options.output("table", "json", "yaml")
@click.option("--purge-data", is_flag=True, help="Also delete the claims, with all data, and the passwords.")
@click.option("--confirm", metavar="NAME", help="The cluster's name, instead of typing it when asked.")
@click.option("--yes", is_flag=True, help="Do not ask (with --purge-data the name is needed all the same).")
@click.option("--dry-run", is_flag=True, help="Show what would go and what would stay; change nothing.")
def command(
    name: str,
    context: str | None,
    namespace: str | None,
    timeout: float,
    output: str,
    purge_data: bool,
    confirm: str | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """Delete the cluster NAME; its claims and passwords stay, and `deploy NAME` takes them up again.

    \b
    Examples:
      mysqlops delete mysql
      mysqlops delete mysql --purge-data --confirm mysql
    """
    from mysqlops.clock import SystemClock
    from mysqlops.operations import delete, lock
    from mysqlops.operations.session import Session

    names.check_cluster_name(name)
    client = contexts.client(context, namespace)
    plan = delete.plan(client, name, purge_data=purge_data)
    kept = [] if purge_data else delete.kept(client, name)
    if output == "table" or not dry_run:
        _say(plan, kept, dry_run=dry_run)
    if dry_run or not plan.steps:
        if output != "table":
            _answer(plan, kept, output, done=False)
        elif not plan.steps:
            out.say(f"no cluster {name} in namespace {client.namespace}: nothing to delete", err=True)
        return
    _check_confirmed(name, confirm, yes=yes, purge_data=purge_data)
    with out.progress() as progress:
        session = Session(client, SystemClock(), progress, timeout)
        with lock.held(session, name, "delete"):  # what a command made until now goes too
            plan = delete.plan(client, name, purge_data=purge_data)
            delete.execute(session, name, plan)
    if output != "table":
        _answer(plan, kept, output, done=True)


def _check_confirmed(name: str, confirm: str | None, *, yes: bool, purge_data: bool) -> None:
    from mysqlops.operations import delete

    if purge_data:
        delete.check_confirmation(name, confirm or _ask(f"Type the name of the cluster to delete its data ({name})"))
    elif not yes and confirm != name:
        if not sys.stdin.isatty():
            text = f"deleting {name} stops its database, and was not confirmed"
            raise errors.Refused([errors.Reason("not-confirmed", text, "give --yes; --dry-run shows what would go")])
        click.confirm(f"Stop and delete {name}, keeping its data?", abort=True, err=True)


def _say(plan: Plan, kept: list[str], *, dry_run: bool) -> None:
    for step in plan.steps:
        out.say(f"{'would delete' if dry_run else 'delete'} {step.kind} {step.name}: {step.why}", err=not dry_run)
    for one in kept:
        out.say(f"keep   {one}", err=not dry_run)


def _answer(plan: Plan, kept: list[str], form: str, *, done: bool) -> None:
    out.data({"steps": [step.as_json() for step in plan.steps], "kept": kept, "done": done}, form)


def _ask(question: str) -> str | None:
    return str(click.prompt(question, err=True)) if sys.stdin.isatty() else None
