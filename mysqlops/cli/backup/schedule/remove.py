"""mysqlops backup schedule remove"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("1m")
def command(name: str, **given: Any) -> None:
    """Back NAME up by the clock no more; what is stored stays.

    \b
    Example:
      mysqlops backup schedule remove mysql
    """
    from mysqlops.operations import schedule

    form = given.pop("output")
    with context.changing(name, "backup schedule", given) as session:
        schedule.remove(session, name)
    output.result({"cluster": name}, form, f"{name} is not backed up by the clock any more")
