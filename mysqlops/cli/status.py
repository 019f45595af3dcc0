"""mysqlops status"""

from __future__ import annotations

import click

from mysqlops import errors
from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.cluster("1m", forms=("table", "wide", "json", "yaml"))
@click.option("--watch", "-w", is_flag=True, help="Repeat every two seconds.")
def status(run: Run, *, watch: bool) -> int:
    """Show the members of NAME, the targets of its Services, and its problems.

    Exit status: 0 healthy, 8 degraded (it accepts writes), 9 down (it does not).

    \b
    Examples:
      mysqlops status mysql
      mysqlops status mysql -o json
    """
    from mysqlops.clock import SystemClock
    from mysqlops.operations import observe
    from mysqlops.planning import status as planning
    from mysqlops.planning import verdict

    client, clock = run.client(), SystemClock()
    while True:
        now = verdict.judge(observe.cluster(client, run.name, clock, with_needed=True))
        if watch and run.is_for_people:
            click.clear()
        if run.is_for_people:
            output.show_status(now, wide=run.form == "wide")
        else:
            output.data(now.as_json(), run.form)
        if not watch:
            codes = {planning.HEALTHY: 0, planning.DEGRADED: errors.EXIT_DEGRADED, planning.DOWN: errors.EXIT_DOWN}
            return codes[now.verdict]
        clock.sleep(2)
