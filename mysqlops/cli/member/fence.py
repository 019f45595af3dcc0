"""mysqlops member fence"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Question, Run


@click.command()
@options.cluster("2m")
@options.member
@options.confirmed("its clients are disconnected")
@options.dry_run()
@options.wait("Wait until it refuses clients, or return once its agent has the order.")
@click.option("--reason", default="by hand", show_default=True, help="Reason that `status` shows.")
def fence(run: Run, member: str, *, reason: str, dry_run: bool, wait: bool) -> None:
    """Take MEMBER of NAME out of service: it disconnects its clients and refuses all until `unfence`.

    It stays in the group and keeps its data up to date; a primary hands over first. The fence outlives restarts.

    \b
    Example:
      mysqlops member fence mysql mysql-1 --reason "slow disk" --yes
    """
    from mysqlops.operations import member as operations

    changed = run.do(
        lambda session: operations.fence(session, run.name, member, reason, wait=wait),
        f"take {member} out of service",
        dry_run=dry_run,
        question=Question(f"disconnects the clients of {member}, which refuses all until unfence"),
    )
    done = f"{member} is fenced" if wait else f"{member} is ordered to refuse clients"
    text = done if changed else f"{member} was fenced already: nothing changed"
    output.result({"member": member, "changed": changed, "waited": wait}, run.form, text)
