"""mysqlops backup binlog start"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("3m")
@options.target
@click.option(
    "--every", type=options.Duration(), default="15s", show_default=True, help="Store what came so often: 5s to 5m."
)
def command(name: str, target: str | None, every: float, **given: Any) -> None:
    """Receive the binary logs of the cluster NAME from now on, and store them beside its backups.

    A Deployment NAME-binlog does it: a mysqld that only receives, which follows the primary, and restic. A backup that
    was made before can be brought forward too, if the primary still has all binary logs since. Run it again to change
    --every.

    \b
    Example:
      mysqlops backup binlog start mysql --target offsite
    """
    from mysqlops.objects.binlog import Wish
    from mysqlops.operations import binlog, targets

    form = given.pop("output")
    with context.changing(name, "backup binlog", given) as session:
        chosen = targets.find(session.client, target)
        found = binlog.start(session, name, Wish(chosen, every))
    text = f"binary logs of {name} go to target {chosen.name} every {every:g} s, complete until {found.until}"
    output.result({"cluster": name, **asdict(found)}, form, text)
