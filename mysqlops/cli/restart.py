"""mysqlops restart"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run

if TYPE_CHECKING:
    from mysqlops.operations.session import Session


@click.command()
@options.cluster("30m")
@options.dry_run()
def restart(run: Run, *, dry_run: bool) -> None:
    """Restart the members of NAME one at a time: replicas first, then a switchover, the old primary last.

    It is refused unless the cluster is healthy. If it is killed, run it again: it continues. The command leads every
    step, so it always waits.

    \b
    Example:
      mysqlops restart mysql
    """
    from mysqlops.operations import restart as operations

    def act(session: Session) -> list[str]:
        operations.check(session, run.name)
        return operations.execute(session, run.name)

    restarted = run.do(act, f"restart the members of {run.name} one at a time", dry_run=dry_run)
    output.result({"restarted": restarted}, run.form, f"restarted {', '.join(restarted)}")
