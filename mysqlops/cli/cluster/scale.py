"""mysqlops scale"""

from __future__ import annotations

from typing import Any

import click

from mysqlops import errors
from mysqlops.cli import context, options, output
from mysqlops.core.spec import check_replicas


@click.command()
@options.changing("60m")
@click.option("--replicas", type=int, required=True, metavar="N", help="Members: 1, 3, 5, 7 or 9.")
@click.option(
    "--pvc",
    type=click.Choice(["keep", "delete"]),
    default="keep",
    show_default=True,
    help="What becomes of the claims of members that go; deleting needs --confirm NAME.",
)
@click.option("--rebuild", is_flag=True, help="Delete kept claims of members that come; needs --confirm NAME.")
@click.option("--accept-loss", is_flag=True, help="Although a claim that is deleted may hold what no member has.")
@click.option("--confirm", metavar="NAME", help="The cluster's name, where data is deleted.")
@click.option("--dry-run", is_flag=True, help="Check everything and show the steps; change nothing.")
def command(name: str, replicas: int, **given: Any) -> None:
    """Add members to NAME, or remove them, one at a time.

    A new member takes its data from the group and is caught up before the next one. On the way down the highest ordinal
    goes first; if it leads, another one takes over before. Its claim is kept, with a note of the transactions that it
    holds, and used again on the way up if the group can bring it up to date. A claim is deleted only if a majority
    is ONLINE at that moment and holds all that is on it, or with --accept-loss. Killed or turned round, the same
    command goes on from what is there.

    \b
    Examples:
      mysqlops scale mysql --replicas 5
      mysqlops scale mysql --replicas 3 --pvc delete --confirm mysql
    """
    from mysqlops.operations import scale

    form, confirmed, dry_run = given.pop("output"), given.pop("confirm"), given.pop("dry_run")
    wish = scale.Wish(given.pop("pvc"), given.pop("rebuild"), given.pop("accept_loss"))
    check_replicas(replicas)
    if (wish.claims == scale.DELETE or wish.rebuild) and confirmed != name and not dry_run:
        text = f"claims, and the data in them, would be deleted, and the name {name} was not confirmed"
        raise errors.Refused([errors.Reason("not-confirmed", text, f"--confirm {name}")])
    with context.changing(name, "scale", given) as session:
        steps = scale.plan(session, name, replicas, wish)
        if dry_run:
            output.show_steps(steps, form)
            return
        done = scale.execute(session, name, replicas, wish)
    text = f"{name} has {replicas} members" + (f": {', '.join(done)}" if done else " already: nothing changed")
    output.result({"replicas": replicas, "changed": done}, form, text)
