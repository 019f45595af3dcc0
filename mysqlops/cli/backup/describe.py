"""mysqlops backup describe"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.backup import show
from mysqlops.cli.context import Run
from mysqlops.core import counting


@click.command()
@options.backup
@options.namespaced("2m")
@options.target
def describe(run: Run, backup: str, *, target: str | None) -> None:
    """Show everything recorded with BACKUP: GTID set, binary log position, rows and checksum of each table.

    \b
    Example:
      mysqlops backup describe mysql-20261124-163000
    """
    from mysqlops.core import setting_secrets
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    with run.reading() as session:
        chosen = targets.find(session.client, target)
        found = operations.find(session, chosen, backup)
        manifest = operations.manifest(session, chosen, found)
    if not run.is_for_people:
        spec = setting_secrets.shown_spec(manifest["spec"])
        output.data({**show.as_json(found), "contents": manifest["contents"], "spec": spec}, run.form)
        return
    for key, value in show.as_json(found).items():
        if key != "verified":
            output.say(f"{key.replace('_', ' '):16} {value}")
    if found.verified:
        output.say(f"{'verified':16} {found.verified.at}, fetched and started in {found.verified.seconds} s")
    for kind in ("tables", "rights"):
        for table, facts in manifest["contents"][kind].items():
            output.say(f"{kind[:-1]:16} {table}: {counting.of(facts['rows'], 'row')}, checksum {facts['checksum']}")
    for program in manifest["contents"]["programs"]:
        output.say(f"{'program':16} {program}")
