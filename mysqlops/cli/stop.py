"""mysqlops stop"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Question, Run


@click.command()
@options.cluster("10m")
@options.confirmed("the database stops")
@options.dry_run()
@options.wait("Wait until the last pod is gone, or return once all members are equal and ordered to stop.")
def stop(run: Run, *, dry_run: bool, wait: bool) -> None:
    """Stop NAME cleanly: clients are refused, all members reach the same GTID set, then all pods are removed.

    Claims, Services and passwords are kept; `start` starts the same members again.

    \b
    Example:
      mysqlops stop mysql --yes
    """
    from mysqlops.operations import stop as operations

    stopped = run.do(
        lambda session: operations.stop(session, run.name, wait=wait),
        f"stop {run.name}: nothing could be read or written until `mysqlops start {run.name}`",
        dry_run=dry_run,
        question=Question(f"stops {run.name}: nothing can be read or written until it is started"),
    )
    held = next(iter(stopped["executed"].values()), "")
    state = "is stopped" if wait else "is stopping"
    text = f"{run.name} {state}; each of {stopped['replicas']} members holds {held or 'no transaction'}"
    output.result({**stopped, "waited": wait}, run.form, text)
