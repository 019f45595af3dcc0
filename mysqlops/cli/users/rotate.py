"""mysqlops users rotate"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("3m")
@click.option("--finish", is_flag=True, help="Drop the old passwords; applications must have the new ones by now.")
def command(name: str, finish: bool, **given: Any) -> None:
    """Give the accounts of NAME new passwords; the old ones stay valid until --finish, so that no connection fails.

    Refused unless all members are ONLINE: the Secret changes once each of them has the new passwords. Killed, the same
    command goes on where it was.

    \b
    Examples:
      mysqlops users rotate mysql
      mysqlops users rotate mysql --finish
    """
    from mysqlops.operations import users

    form = given.pop("output")
    with context.changing(name, "users rotate", given) as session:
        done = (users.finish if finish else users.rotate)(session, name)
    if not finish:
        text = f"Secret {name}-app holds a new password; the old ones are valid too until --finish"
    elif done.waiting:
        text = (
            f"the old passwords are gone, but for {', '.join(done.waiting)}: running members still use it; "
            f"mysqlops restart {name}, then --finish again"
        )
    else:
        text = "the old passwords are gone"
    output.result(asdict(done), form, text)
