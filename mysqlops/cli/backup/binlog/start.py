"""mysqlops backup binlog start"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.cli.types import Duration

if TYPE_CHECKING:
    from mysqlops.core.typed import Json
    from mysqlops.operations.session import Session


@click.command()
@options.cluster("3m")
@options.target
@options.dry_run()
@options.wait("Wait until the first binary logs are stored, or return once the Deployment is applied.")
@click.option("--every", type=Duration(), default="15s", show_default=True, help="Interval between uploads: 5s to 5m.")
def start(run: Run, *, target: str | None, every: float, dry_run: bool, wait: bool) -> None:
    """Receive the binary logs of the cluster NAME from now on, and store them next to its backups.

    The Deployment NAME-binlog does this, with restic and a mysqld that only receives from the primary. An earlier
    backup can be recovered to a later point too, if the primary still has all binary logs since then. Run it again to
    change --every.

    \b
    Example:
      mysqlops backup binlog start mysql --target offsite
    """
    from mysqlops.objects.binlog import Request
    from mysqlops.operations import binlog, targets

    def act(session: Session) -> tuple[Json, str]:
        chosen = targets.find(session.client, target)
        request = Request(chosen, every)
        text = f"binary logs of {run.name} go to target {chosen.name} every {every:g} s"
        if wait:
            found = binlog.start(session, run.name, request)
            return asdict(found), f"{text}, complete until {found.until}"
        binlog.begin(session, run.name, request)
        return {"target": chosen.name, "every": every}, text

    facts, text = run.do(act, f"store the binary logs of {run.name}", dry_run=dry_run)
    output.result({"cluster": run.name, **facts, "waited": wait}, run.form, text)
