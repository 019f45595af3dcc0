"""mysqlops backup describe"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output
from mysqlops.cli.backup import show


@click.command()
@click.argument("backup")
@options.namespaced("2m")
@options.target
def command(backup: str, target: str | None, **given: Any) -> None:
    """Show all that was recorded with BACKUP: GTID set, binary log position, each table's rows and checksum.

    \b
    Example:
      mysqlops backup describe mysql-20261124-163000
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    form = given.pop("output")
    with context.anywhere(given) as session:
        chosen = targets.find(session.client, target)
        found = operations.find(session, chosen, backup)
        manifest = operations.manifest(session, chosen, found)
    if form != "table":
        output.data({**show.as_json(found), "contents": manifest["contents"], "spec": manifest["spec"]}, form)
        return
    for key, value in show.as_json(found).items():
        if key != "verified":
            output.say(f"{key.replace('_', ' '):16} {value}")
    if found.verified:
        output.say(f"{'verified':16} {found.verified.at}, fetched and started in {found.verified.seconds} s")
    for kind in ("tables", "rights"):
        for table, facts in manifest["contents"][kind].items():
            output.say(f"{kind[:-1]:16} {table}: {facts['rows']} rows, checksum {facts['checksum']}")
    for program in manifest["contents"]["programs"]:
        output.say(f"{'program':16} {program}")
