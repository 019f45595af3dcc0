"""mysqlops member fence"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("2m")
@click.argument("member")
@click.option("--reason", default="by hand", show_default=True, help="Shown by `status`.")
def command(name: str, member: str, reason: str, **given: Any) -> None:
    """Take MEMBER of NAME out of service: its clients are disconnected, and none gets in until `unfence`.

    It stays in the group and keeps its data up to date; a primary hands over first. The fence outlives restarts.

    \b
    Example:
      mysqlops member fence mysql mysql-1 --reason "slow disk"
    """
    from mysqlops.operations import member as operations

    form = given.pop("output")
    with context.changing(name, "member fence", given) as session:
        changed = operations.fence(session, name, member, reason)
    text = f"{member} is fenced" if changed else f"{member} was fenced already: nothing changed"
    output.result({"member": member, "changed": changed}, form, text)
