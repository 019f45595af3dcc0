"""mysqlops logs"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run
from mysqlops.cli.types import Duration
from mysqlops.core import server_log

if TYPE_CHECKING:
    from mysqlops.core.server_log import Entry


@click.command()
@options.cluster("1m")
@click.option(
    "--member", default="", metavar="MEMBER", shell_complete=complete.members, help="Show only this member's log."
)
@click.option(
    "--level",
    type=click.Choice(server_log.LEVELS),
    default=server_log.LEVELS[-1],
    show_default=True,
    help="The least important level to show.",
)
@click.option(
    "--source",
    "sources",
    type=click.Choice((server_log.SERVER, server_log.AGENT, server_log.SLOW)),
    multiple=True,
    default=(server_log.SERVER, server_log.AGENT),
    show_default=True,
    help="Show this log; may be repeated.",
)
@click.option("--since", type=Duration(), default="1h", show_default=True, help="Show no line older than this.")
@click.option("--follow", "-f", is_flag=True, help="Keep printing new lines until interrupted.")
def logs(run: Run, *, member: str, level: str, sources: tuple[str, ...], since: float, follow: bool) -> None:
    """Show the logs of the members' servers and agents, merged in time order; known codes of MySQL are explained where
    they first appear.

    The log of a server that ended before the running one is included. --source slow shows statements that took longer
    than long_query_time, one entry for each kind when it last ran, without values.

    \b
    Examples:
      mysqlops logs mysql --level warning
      mysqlops logs mysql --source slow --since 1d
      mysqlops logs mysql --member mysql-1 --since 10m --follow
    """
    from mysqlops.operations import logs as operations

    request, explained = operations.Request(member, level, since, sources), set[str]()
    with run.reading() as session:
        if not follow:
            _show(run, operations.read(session, run.name, request), explained)
            return
        for found in operations.follow(session, run.name, request):
            if found:
                _show(run, found, explained)


def _show(run: Run, found: Iterable[Entry], explained: set[str]) -> None:
    if not run.is_for_people:
        output.data([entry.as_json() for entry in found], run.form)
        return
    for entry in found:
        first, *more = entry.text.split("\n")
        source = entry.source if entry.source != server_log.SERVER else ""
        row = (entry.at[:23] + "Z", entry.member, source, entry.level, entry.code, first)
        output.say(" ".join(filter(None, row)))
        for line in more:
            output.say(f"    | {line}")
        if entry.explanation and entry.code not in explained and entry.level != "note":
            output.say(f"    = {entry.code}: {entry.explanation}")
            explained.add(entry.code)
