"""mysqlops delete"""

from __future__ import annotations

import sys

import click

from mysqlops.cli import context as contexts
from mysqlops.cli import options
from mysqlops.cli import output as out
from mysqlops.core import names


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
    if output != "table":
        out.data({"steps": [step.as_json() for step in plan.steps], "kept": kept, "done": not dry_run}, output)
    else:
        for step in plan.steps:
            out.say(f"{'would delete' if dry_run else 'delete'} {step.kind} {step.name}: {step.why}", err=not dry_run)
        for one in kept:
            out.say(f"keep   {one}", err=not dry_run)
    if dry_run:
        return
    if not plan.steps:
        out.say(f"no cluster {name} in namespace {client.namespace}: nothing to delete", err=True)
        return
    if purge_data:
        delete.check_confirmation(name, confirm or _ask(f"Type the name of the cluster to delete its data ({name})"))
    elif not yes and sys.stdin.isatty():
        click.confirm(f"Stop and delete {name}, keeping its data?", abort=True)
    with out.progress() as progress:
        session = Session(client, SystemClock(), progress, timeout)
        with lock.held(session, name, "delete"):  # what a command made until now goes too
            delete.execute(session, name, delete.plan(client, name, purge_data=purge_data))


def _ask(question: str) -> str | None:
    return str(click.prompt(question, err=True)) if sys.stdin.isatty() else None
