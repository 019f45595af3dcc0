"""mysqlops status"""

from __future__ import annotations

import click

from mysqlops import errors
from mysqlops.cli import context, options, output
from mysqlops.core import names


@click.command()
@click.argument("name")
@options.connection
@options.output("table", "json", "yaml")
@click.option("--watch", "-w", is_flag=True, help="Show again every two seconds.")
def command(name: str, context: str | None, namespace: str | None, output: str, watch: bool) -> int:
    """Show the members of NAME, what its Services lead to, and what is wrong.

    Exit status: 0 healthy, 8 degraded (it can be written), 9 down (it cannot).

    \b
    Examples:
      mysqlops status mysql
      mysqlops status mysql -o json
    """
    return _run(name, context, namespace, output, watch)


def _run(name: str, chosen: str | None, namespace: str | None, form: str, watch: bool) -> int:
    from mysqlops.clock import SystemClock
    from mysqlops.operations import observe
    from mysqlops.planning import status as planning
    from mysqlops.planning import verdict

    names.check_cluster_name(name)
    client, clock = context.client(chosen, namespace), SystemClock()
    while True:
        status = verdict.judge(observe.cluster(client, name, clock, with_needed=True))
        if watch and form == "table":
            click.clear()
        if form == "table":
            output.show_status(status)
        else:
            output.data(status.as_json(), form)
        if not watch:
            codes = {planning.HEALTHY: 0, planning.DEGRADED: errors.EXIT_DEGRADED, planning.DOWN: errors.EXIT_DOWN}
            return codes[status.verdict]
        clock.sleep(2)
