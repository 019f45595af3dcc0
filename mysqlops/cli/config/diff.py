"""mysqlops config diff"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.cluster("1m")
def diff(run: Run) -> None:
    """Show where a member of NAME runs with another value than my.cnf has, because somebody used SET GLOBAL.

    \b
    Example:
      mysqlops config diff mysql
    """
    from mysqlops.operations import configure

    with run.reading() as session:
        values = configure.read(session, run.name, [])
    different = [value for value in values if value.differs()]
    if different or not run.is_for_people:
        output.show_settings(different, run.form)
    else:
        output.say(f"every member of {run.name} runs with the values in my.cnf")
