"""mysqlops member rebuild"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Question, Run


@click.command()
@options.cluster("1h")
@options.member
@options.confirmed("its claim and data are deleted", metavar="MEMBER", has_yes=False)
@options.dry_run()
@options.wait("Wait until it has copied everything, or return once it has an empty claim.")
@click.option(
    "--accept-loss", is_flag=True, help="Delete its data although it may hold transactions that no other member has."
)
def rebuild(run: Run, member: str, *, accept_loss: bool, dry_run: bool, wait: bool) -> None:
    """Delete the data of MEMBER, and let it copy everything from the group.

    Use it for a member that has diverged, cannot apply what the group wrote, or whose volume is damaged. It is refused
    for the primary, for a member without which the group would have no majority, and for one that holds transactions
    that the others miss, unless --accept-loss is given.

    \b
    Example:
      mysqlops member rebuild mysql mysql-1 --confirm mysql-1
    """
    from mysqlops.operations import member as operations

    run.do(
        lambda session: operations.rebuild(session, run.name, member, accept_loss=accept_loss, wait=wait),
        f"delete the data of {member} and let it copy everything from the group",
        dry_run=dry_run,
        question=Question(f"deletes the data of {member}", name=member, loses=True),
    )
    text = f"{member} holds what the group holds" if wait else f"{member} has an empty claim, and copies from the group"
    output.result({"member": member, "waited": wait}, run.form, text)
