"""mysqlops backup binlog stop"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("2m")
def command(name: str, **given: Any) -> None:
    """Store binary logs of NAME no more; what is stored stays, and `start` goes on from there if it comes in time.

    \b
    Example:
      mysqlops backup binlog stop mysql
    """
    from mysqlops.operations import binlog

    form = given.pop("output")
    with context.changing(name, "backup binlog", given) as session:
        was_there = binlog.stop(session, name)
    text = f"binary logs of {name} are not stored any more" if was_there else f"nothing stored binary logs of {name}"
    output.result({"cluster": name, "stopped": was_there}, form, text)
