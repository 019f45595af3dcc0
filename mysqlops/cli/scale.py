"""mysqlops scale"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import counting
from mysqlops.core.spec import check_replicas


@click.command()
@options.cluster("60m")
@click.option("--replicas", type=int, required=True, metavar="N", help="Number of members: 1, 3, 5, 7 or 9.")
@click.option(
    "--pvc",
    type=click.Choice(["keep", "delete"]),
    default="keep",
    show_default=True,
    help="Keep or delete the claims of removed members; deleting needs --confirm NAME.",
)
@click.option("--rebuild", is_flag=True, help="Delete the kept claims of added members first; needs --confirm NAME.")
@click.option(
    "--accept-loss", is_flag=True, help="Delete a claim although it may hold transactions that no member has."
)
@options.confirmed("with --pvc delete or --rebuild data is deleted", has_yes=False)
@options.dry_run("Check everything and show the steps; change nothing.")
def scale(run: Run, *, replicas: int, pvc: str, rebuild: bool, accept_loss: bool, dry_run: bool) -> None:
    """Add members to NAME, or remove them, one at a time.

    A new member copies its data from the group and catches up before the next one is added. The highest ordinal is
    removed first; if it is the primary, it hands over before. Its claim is kept, with a note of the transactions that
    it holds, and a later scale-up uses it again if the group can bring it up to date. A claim is deleted only if a
    majority is ONLINE at that moment and holds everything on it, or with --accept-loss. If the command is killed, run
    it again or with another number: it continues from the members that exist. The command leads every step, so it
    always waits.

    \b
    Examples:
      mysqlops scale mysql --replicas 5
      mysqlops scale mysql --replicas 3 --pvc delete --confirm mysql
    """
    from mysqlops.operations import scale as operations

    name, request = run.name, operations.Request(pvc, rebuild, accept_loss)
    check_replicas(replicas)
    if (request.claims == operations.DELETE or request.rebuild) and not dry_run:
        going = list[str]()
        if request.claims == operations.DELETE:
            with run.reading() as session:
                going = operations.claims_to_go(session, name, replicas)
        which = f" ({', '.join(going)})" if going else ""
        run.confirm(f"deletes claims of {name}{which}, and the data in them", loses=True)
    with run.changing(dry_run=dry_run) as session:
        steps = operations.plan(session, name, replicas, request)
        if dry_run:
            output.show_steps(steps, run.form)
            return
        done = operations.execute(session, name, replicas, request)
    text = f"{name} has {counting.of(replicas, 'member')}"
    text += f": {', '.join(done)}" if done else " already: nothing changed"
    output.result({"replicas": replicas, "changed": done}, run.form, text)
