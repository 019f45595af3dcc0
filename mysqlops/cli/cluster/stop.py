"""mysqlops stop"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("10m")
def command(name: str, **given: Any) -> None:
    """Stop NAME cleanly: clients are refused, all members reach the same GTID set, then all pods go.

    Claims, Services and passwords stay; `start` brings everything back.

    \b
    Example:
      mysqlops stop mysql
    """
    from mysqlops.operations import stop

    form = given.pop("output")
    with context.changing(name, "stop", given) as session:
        stopped = stop.stop(session, name)
    held = next(iter(stopped["executed"].values()), "")
    text = f"{name} is stopped; each of {stopped['replicas']} members holds {held or 'no transaction'}"
    output.result(stopped, form, text)
