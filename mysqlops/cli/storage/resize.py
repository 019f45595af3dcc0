"""mysqlops storage resize"""

from __future__ import annotations

from typing import Any

import click

from mysqlops import errors
from mysqlops.cli import context, options, output


@click.command()
@options.changing("60m")
@click.option("--size", required=True, help="Of each member's volume, such as 50Gi.")
@click.option(
    "--by-rebuild", is_flag=True, help="For a class that cannot expand: one member after another begins anew."
)
@click.option("--confirm", metavar="NAME", help="The cluster's name, for --by-rebuild: claims are deleted.")
@click.option("--dry-run", is_flag=True, help="Check everything and show the steps; change nothing.")
def command(name: str, size: str, **given: Any) -> None:
    """Make the volumes of NAME larger, while it runs.

    The claims grow first, then the StatefulSet's template is brought in line without touching a pod: it is deleted
    without its pods and made again, which takes a second. Killed, the same command goes on.

    \b
    Example:
      mysqlops storage resize mysql --size 50Gi
    """
    from mysqlops.operations import remake, storage

    form, by_rebuild, dry_run = given.pop("output"), given.pop("by_rebuild"), given.pop("dry_run")
    if given.pop("confirm") != name and by_rebuild and not dry_run:
        text = f"--by-rebuild deletes the claims of {name} one after another, and the name was not confirmed"
        raise errors.Refused([errors.Reason("not-confirmed", text, f"--confirm {name}")])
    with context.changing(name, "storage", given) as session:
        if not dry_run:
            remake.finish(session, name)
        change = storage.plan(session, name, size, by_rebuild=by_rebuild)
        if dry_run:
            output.show_steps(change.steps, form)
            return
        storage.execute(session, name, change)
    text = f"each volume of {name} has {size}" if change.steps else f"{name} has {size} already: nothing changed"
    output.result({"size": size, "changed": [step.as_json() for step in change.steps]}, form, text)
