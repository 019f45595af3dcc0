"""mysqlops switchover"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("5m")
@click.option("--to", metavar="MEMBER", help="The new primary (default: the replica with the least to apply).")
@click.option("--max-behind", type=int, default=1000, show_default=True, help="Refuse if it has more to apply.")
@click.option(
    "--transactions-timeout",
    type=click.IntRange(0, 600),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="How long open transactions may take to end; the server then rolls them back.",
)
@click.option("--roll-back-transactions", is_flag=True, help="Even those that are older than that already.")
@click.option("--dry-run", is_flag=True, help="Check everything and show who would be primary; change nothing.")
def command(name: str, to: str | None, **given: Any) -> None:
    """Make another member of NAME the primary, and measure for how long nothing could be written.

    \b
    Examples:
      mysqlops switchover mysql
      mysqlops switchover mysql --to mysql-2
    """
    from mysqlops.operations import switchover
    from mysqlops.planning.switchover import Limits

    form, dry_run = given.pop("output"), given.pop("dry_run")
    limits = Limits(given.pop("max_behind"), given.pop("transactions_timeout"), given.pop("roll_back_transactions"))
    with context.changing(name, "switchover", given) as session:
        chosen = switchover.plan(session, name, to, limits)
        if chosen is None:
            output.result({"primary": to, "changed": False}, form, f"{to} is the primary already: nothing changed")
            return
        if dry_run:
            text = f"would hand the primary over from {chosen.primary} to {chosen.to}"
            output.result({"primary": chosen.primary, "to": chosen.to, "changed": False}, form, text)
            return
        done = switchover.execute(session, name, chosen, limits)
    if done.write_gap_seconds is None:
        seen = "the write gap was not measured: that takes a third member"
    else:
        seen = f"nothing could be written for {done.write_gap_seconds:.2f} s"
    text = f"{done.primary} is primary, {done.before} is a replica; {seen}"
    output.result({**done.as_json(), "changed": True}, form, text)
