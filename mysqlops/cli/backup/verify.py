"""mysqlops backup verify"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output
from mysqlops.cli.backup import show


@click.command()
@options.changing("6h")
@click.argument("backup")
@options.trust
@options.target
def command(name: str, backup: str, target: str | None, **given: Any) -> None:
    """Restore BACKUP into a pod of its own, start it, and compare every table with what was recorded.

    NAME is the cluster whose image and settings are used; the pod has no network. The result is recorded in the
    target, with the time that fetching and starting took. What no key that is here has sealed is refused: no server
    reads files of a stranger without your word.

    \b
    Example:
      mysqlops backup verify mysql mysql-20261124-163000
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import signing, targets

    form = given.pop("output")
    trust = signing.Trust(given.pop("accept_unsigned"), given.pop("signed_by"))
    with context.reading(name, given) as session:
        place = targets.find(session.client, target)
        done = operations.verify(session, name, place, operations.trusted(session, place, backup, trust))
    seconds = done.verified.seconds if done.verified else 0.0
    text = (
        f"{done.id} is good: fetched and started in {seconds} s, {done.tables} tables and {done.rows} rows as recorded"
    )
    output.result(show.as_json(done), form, text)
