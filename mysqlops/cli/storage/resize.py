"""mysqlops storage resize"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.cluster("60m")
@click.option("--size", required=True, help="New size of each member's volume, such as 50Gi.")
@click.option(
    "--by-rebuild", is_flag=True, help="Rebuild one member after another, for a StorageClass that cannot expand."
)
@options.confirmed("with --by-rebuild claims are deleted", has_yes=False)
@options.dry_run("Check everything and show the steps; change nothing.")
def resize(run: Run, *, size: str, by_rebuild: bool, dry_run: bool) -> None:
    """Enlarge the volumes of NAME while it runs.

    The claims grow first. Then the StatefulSet is deleted without its pods and recreated with the new size, which takes
    a second and touches no pod. If the command is killed, run it again: it continues. It leads every step, so it always
    waits.

    \b
    Example:
      mysqlops storage resize mysql --size 50Gi
    """
    from mysqlops.operations import remake, storage

    name = run.name
    if by_rebuild and not dry_run:
        run.confirm(f"deletes the claims of {name} one after another", loses=True)
    with run.changing(dry_run=dry_run) as session:
        if not dry_run:
            remake.finish(session, name)
        change = storage.plan(session, name, size, by_rebuild=by_rebuild)
        if dry_run:
            output.show_steps(change.steps, run.form)
            return
        storage.execute(session, name, change)
    text = f"each volume of {name} has {size}" if change.steps else f"{name} has {size} already: nothing changed"
    output.result({"size": size, "changed": [step.as_json() for step in change.steps]}, run.form, text)
