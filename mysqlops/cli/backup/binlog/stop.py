"""mysqlops backup binlog stop"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.cluster("2m")
@options.dry_run()
def stop(run: Run, *, dry_run: bool) -> None:
    """Stop storing the binary logs of NAME. Stored ones stay; `start` continues if the primary still has the next ones.

    \b
    Example:
      mysqlops backup binlog stop mysql
    """
    from mysqlops.operations import binlog

    was_there = run.do(
        lambda session: binlog.stop(session, run.name),
        f"stop storing the binary logs of {run.name}",
        dry_run=dry_run,
    )
    text = (
        f"binary logs of {run.name} are no longer stored" if was_there else f"nothing stored binary logs of {run.name}"
    )
    output.result({"cluster": run.name, "stopped": was_there}, run.form, text)
