"""mysqlops config diff"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("1m")
def command(name: str, **given: Any) -> None:
    """Show where a member of NAME runs with something else than my.cnf says: somebody used SET GLOBAL.

    \b
    Example:
      mysqlops config diff mysql
    """
    from mysqlops.operations import configure

    form = given.pop("output")
    with context.reading(name, given) as session:
        values = configure.read(session, name, [])
    different = [one for one in values if one.differs()]
    if different or form != "table":
        output.show_settings(different, form)
    else:
        output.say(f"every member of {name} runs with what my.cnf says")
