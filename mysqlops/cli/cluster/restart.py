"""mysqlops restart"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("30m")
def command(name: str, **given: Any) -> None:
    """Restart the members of NAME one at a time: replicas first, then a switchover, the old primary last.

    Refused unless the cluster is healthy. Killed, the same command goes on where it was.

    \b
    Example:
      mysqlops restart mysql
    """
    from mysqlops.operations import restart

    form = given.pop("output")
    with context.changing(name, "restart", given) as session:
        restart.check(session, name)
        restarted = restart.execute(session, name)
    output.result({"restarted": restarted}, form, f"restarted {', '.join(restarted)}")
