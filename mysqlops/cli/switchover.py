"""mysqlops switchover"""

from __future__ import annotations

import click

from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run
from mysqlops.cli.types import WholeSeconds


@click.command()
@options.cluster("5m")
@click.option(
    "--to",
    metavar="MEMBER",
    shell_complete=complete.members,
    help="New primary (default: the replica with the least to apply).",
)
@click.option(
    "--max-behind", type=int, default=1000, show_default=True, help="Refuse if it has more transactions to apply."
)
@click.option(
    "--transactions-timeout",
    type=WholeSeconds(0, 600),
    default="10s",
    show_default=True,
    help="How long open transactions may take to end before the server rolls them back.",
)
@click.option("--roll-back-transactions", is_flag=True, help="Also roll back those that are already older.")
@options.dry_run("Check everything and show which member would be primary; change nothing.")
def switchover(
    run: Run, *, to: str | None, max_behind: int, transactions_timeout: int, roll_back_transactions: bool, dry_run: bool
) -> None:
    """Make another member of NAME the primary, and measure for how long it accepted no writes.

    \b
    Examples:
      mysqlops switchover mysql
      mysqlops switchover mysql --to mysql-2
    """
    from mysqlops.operations import switchover as operations
    from mysqlops.planning.switchover import Limits

    name, limits = run.name, Limits(max_behind, transactions_timeout, roll_back_transactions)
    with run.changing(dry_run=dry_run) as session:
        chosen = operations.plan(session, name, to, limits)
        if chosen is None:
            output.result({"primary": to, "changed": False}, run.form, f"{to} is the primary already: nothing changed")
            return
        if dry_run:
            text = f"would hand the primary over from {chosen.primary} to {chosen.to}"
            output.result({"primary": chosen.primary, "to": chosen.to, "changed": False}, run.form, text)
            return
        done = operations.execute(session, name, chosen, limits)
    if done.write_gap_seconds is None:
        seen = "the write gap was not measured: that takes a third member"
    else:
        seen = f"nothing could be written for {done.write_gap_seconds:.2f} s"
    text = f"{done.primary} is primary, {done.before} is a replica; {seen}"
    output.result({**done.as_json(), "changed": True}, run.form, text)
