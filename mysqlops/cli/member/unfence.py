"""mysqlops member unfence"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("2m")
@click.argument("member")
def command(name: str, member: str, **given: Any) -> None:
    """Put MEMBER of NAME back into service.

    \b
    Example:
      mysqlops member unfence mysql mysql-1
    """
    from mysqlops.operations import member as operations

    form = given.pop("output")
    with context.changing(name, "member unfence", given) as session:
        changed = operations.unfence(session, name, member)
    text = f"{member} serves again" if changed else f"{member} was not fenced: nothing changed"
    output.result({"member": member, "changed": changed}, form, text)
