"""mysqlops backup schedule set"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("2m")
@options.target
@click.option("--cron", required=True, metavar="CRON", help="When to back up, UTC: minute hour day month weekday.")
@click.option(
    "--verify-cron", default="0 5 * * 0", show_default=True, metavar="CRON", help="When to restore and compare."
)
@click.option(
    "--member", metavar="POD", default="", help="Copy this one (default: the replica with the least to apply)."
)
@click.option("--rate", "rate_mib", type=click.IntRange(min=0), default=0, metavar="MIB", help="At most so many MiB/s.")
@click.option("--max-age", type=options.Duration(), default=0.0, help="Of the newest backup (default: two periods).")
@click.option("--verify-max-age", type=options.Duration(), default=0.0, help="Of the newest verified one (the same).")
@options.keep
def command(name: str, max_age: float, verify_max_age: float, **given: Any) -> None:
    """Back the cluster NAME up by the clock, and restore the newest backup by the clock to prove it.

    Two CronJobs do it, NAME-backup and NAME-verify; nothing else has to run. `status` says degraded when the newest
    backup, or the newest verified one, is older than --max-age or --verify-max-age. Run it again to change anything.

    \b
    Example:
      mysqlops backup schedule set mysql --cron "0 3 * * *" --keep-daily 7 --keep-weekly 4
    """
    from mysqlops.core import retention
    from mysqlops.objects.schedule import Wish
    from mysqlops.operations import schedule

    form = given.pop("output")
    policy = retention.Policy(**{key: given.pop(f"keep_{key}") for key in retention.PERIODS})
    cron, verify_cron, target = given.pop("cron"), given.pop("verify_cron"), given.pop("target") or ""
    member, rate = given.pop("member"), given.pop("rate_mib")
    wish = Wish(cron, verify_cron, target, member, rate, policy, int(max_age), int(verify_max_age))
    with context.changing(name, "backup schedule", given) as session:
        schedule.put(session, name, wish)
    output.result(
        {"cluster": name, "cron": cron, "verify_cron": verify_cron}, form, f"{name} is backed up at {cron} UTC"
    )
