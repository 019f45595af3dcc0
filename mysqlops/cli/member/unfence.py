"""mysqlops member unfence"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.cluster("2m")
@options.member
@options.dry_run()
@options.wait("Wait until it is back in service, or return once its agent has the order.")
def unfence(run: Run, member: str, *, dry_run: bool, wait: bool) -> None:
    """Put MEMBER of NAME back into service.

    \b
    Example:
      mysqlops member unfence mysql mysql-1
    """
    from mysqlops.operations import member as operations

    changed = run.do(
        lambda session: operations.unfence(session, run.name, member, wait=wait),
        f"put {member} back into service",
        dry_run=dry_run,
    )
    done = f"{member} is back in service" if wait else f"{member} is ordered to accept clients"
    text = done if changed else f"{member} was not fenced: nothing changed"
    output.result({"member": member, "changed": changed, "waited": wait}, run.form, text)
