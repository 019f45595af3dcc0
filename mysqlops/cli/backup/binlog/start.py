"""mysqlops backup binlog start"""

from __future__ import annotations

from dataclasses import asdict

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.cli.types import Duration


@click.command()
@options.cluster("3m")
@options.target
@options.dry_run()
@click.option("--every", type=Duration(), default="15s", show_default=True, help="Store what came so often: 5s to 5m.")
def start(run: Run, *, target: str | None, every: float, dry_run: bool) -> None:
    """Receive the binary logs of the cluster NAME from now on, and store them beside its backups.

    A Deployment NAME-binlog does it: a mysqld that only receives, which follows the primary, and restic. A backup that
    was made before can be brought forward too, if the primary still has all binary logs since. Run it again to change
    --every.

    \b
    Example:
      mysqlops backup binlog start mysql --target offsite
    """
    from mysqlops.objects.binlog import Wish
    from mysqlops.operations import binlog, targets

    if dry_run:
        run.rehearse(
            lambda session: binlog.start(session, run.name, Wish(targets.find(session.client, target), every)),
            f"store the binary logs of {run.name}",
        )
        return
    with run.changing() as session:
        chosen = targets.find(session.client, target)
        found = binlog.start(session, run.name, Wish(chosen, every))
    text = f"binary logs of {run.name} go to target {chosen.name} every {every:g} s, complete until {found.until}"
    output.result({"cluster": run.name, **asdict(found)}, run.form, text)
