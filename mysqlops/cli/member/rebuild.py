"""mysqlops member rebuild"""

from __future__ import annotations

from typing import Any

import click

from mysqlops import errors
from mysqlops.cli import context, options, output


@click.command()
@options.changing("1h")
@click.argument("member")
@click.option("--accept-loss", is_flag=True, help="Although it may hold transactions that no other member has.")
@click.option("--confirm", metavar="MEMBER", help="The member's name: its claim and data are deleted.")
def command(name: str, member: str, accept_loss: bool, confirm: str | None, **given: Any) -> None:
    """Delete the data of MEMBER and have it take everything from the group.

    For a member that diverged, cannot apply what the group wrote, or whose volume is damaged: it copies another member.
    Refused for the primary, for a member without which the group would have no majority, and if it holds transactions
    that the others lack, unless --accept-loss is given.

    \b
    Example:
      mysqlops member rebuild mysql mysql-1 --confirm mysql-1
    """
    from mysqlops.operations import member as operations

    if confirm != member:
        text = f"rebuilding deletes the data of {member}, and its name was not confirmed"
        raise errors.Refused([errors.Reason("not-confirmed", text, f"give --confirm {member}")])
    form = given.pop("output")
    with context.changing(name, "member rebuild", given) as session:
        operations.rebuild(session, name, member, accept_loss=accept_loss)
    output.result({"member": member}, form, f"{member} holds what the group holds")
