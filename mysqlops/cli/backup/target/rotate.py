"""mysqlops backup target rotate"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@click.argument("name")
@options.namespaced("5m")
def command(name: str, **given: Any) -> None:
    """Give the repository of the target NAME another password.

    The repository opens with both until the new one is known to work; then the old one's key is removed. Keys that
    somebody else added stay. Refused while a Job uses the target. Killed, the same command goes on.

    \b
    Example:
      mysqlops backup target rotate offsite
    """
    from mysqlops.operations import targets

    form = given.pop("output")
    with context.anywhere(given) as session:
        found = targets.find(session.client, name)
        targets.rotate(session, found)
    text = f"target {name} has another password; keep it outside the cluster: key password of Secret {found.secret}"
    output.result({"target": name, "secret": found.secret}, form, text)
