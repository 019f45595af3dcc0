"""mysqlops backup delete"""

from __future__ import annotations

from typing import Any

import click

from mysqlops import errors
from mysqlops.cli import context, options, output


@click.command()
@click.argument("backup")
@options.namespaced("1h")
@options.target
@click.option("--confirm", metavar="BACKUP", help="The backup's name: it is gone for good.")
def command(backup: str, target: str | None, confirm: str | None, **given: Any) -> None:
    """Delete one backup. Refused for the last good one of its history, and for the last one that was restored.

    A restore in place and `recover` begin another history; one that is over needs no backup of its own any more.

    \b
    Example:
      mysqlops backup delete mysql-20261124-163000 --confirm mysql-20261124-163000
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    if confirm != backup:
        text = f"deleting {backup} cannot be undone, and its name was not confirmed"
        raise errors.Refused([errors.Reason("not-confirmed", text, f"give --confirm {backup}")])
    form = given.pop("output")
    with context.anywhere(given) as session:
        chosen = targets.find(session.client, target)
        operations.remove(session, chosen, [operations.check_delete(session, chosen, backup)])
    output.result({"removed": [backup]}, form, f"removed {backup}")
