"""mysqlops backup schedule set"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.cli.types import Duration
from mysqlops.core.retention import Policy


@click.command()
@options.cluster("2m")
@options.target
@click.option("--cron", required=True, metavar="CRON", help="When to back up, UTC: minute hour day month weekday.")
@click.option(
    "--verify-cron", default="0 5 * * 0", show_default=True, metavar="CRON", help="When to restore and compare."
)
@options.copied_member
@options.rate
@click.option(
    "--max-age", type=Duration(), default=0.0, help="Maximum age of the newest backup (default: two periods)."
)
@click.option(
    "--verify-max-age",
    type=Duration(),
    default=0.0,
    help="Maximum age of the newest verified backup (default: two periods).",
)
@options.keep
@options.dry_run()
def set(
    run: Run,
    *,
    target: str | None,
    cron: str,
    verify_cron: str,
    member: str,
    rate_mib: int,
    max_age: float,
    verify_max_age: float,
    policy: Policy,
    dry_run: bool,
) -> None:
    """Schedule backups of the cluster NAME, and verifications that restore the newest one.

    Two CronJobs do this, NAME-backup and NAME-verify; nothing else has to run. `status` reports degraded when the
    newest backup, or the newest verified one, is older than --max-age or --verify-max-age. Run it again to change the
    schedule.

    \b
    Example:
      mysqlops backup schedule set mysql --cron "0 3 * * *" --keep-daily 7
    """
    from mysqlops.objects.schedule import Request
    from mysqlops.operations import schedule

    name = run.name
    request = Request(cron, verify_cron, target or "", member, rate_mib, policy, int(max_age), int(verify_max_age))
    run.do(lambda session: schedule.put(session, name, request), f"back {name} up at {cron} UTC", dry_run=dry_run)
    output.result(
        {"cluster": name, "cron": cron, "verify_cron": verify_cron}, run.form, f"{name} is backed up at {cron} UTC"
    )
