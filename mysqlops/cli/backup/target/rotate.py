"""mysqlops backup target rotate"""

from __future__ import annotations

import click

from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run


@click.command()
@click.argument("name", shell_complete=complete.targets)
@options.dry_run()
@options.namespaced("5m")
def rotate(run: Run, name: str, *, dry_run: bool) -> None:
    """Give the repository of the target NAME another password.

    Both passwords open the repository until the new one is proven; then the old one's key is removed. Keys that
    somebody else added stay. It is refused while a Job uses the target. If the command is killed, run it again: it
    continues.

    \b
    Example:
      mysqlops backup target rotate offsite
    """
    from mysqlops.operations import targets

    found = run.do(
        lambda session: targets.rotate(session, targets.find(session.client, name)),
        f"give the repository of {name} another password",
        dry_run=dry_run,
        locks=False,
    )
    text = f"target {name} has another password; keep it outside the cluster: key password of Secret {found.secret}"
    output.result({"target": name, "secret": found.secret}, run.form, text)
