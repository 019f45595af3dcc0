"""mysqlops backup prune"""

from __future__ import annotations

from typing import Any

import click

from mysqlops.cli import context, options, output


@click.command()
@options.changing("1h")
@options.target
@options.keep
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
def command(name: str, target: str | None, dry_run: bool, **given: Any) -> None:
    """Remove the backups of the cluster NAME that a policy does not keep.

    The newest good backup and the last one that was restored, of each history, stay whatever the policy says; backups
    of other clusters are not touched.

    \b
    Example:
      mysqlops backup prune mysql --keep-last 3 --keep-daily 7 --keep-weekly 4 --keep-monthly 12
    """
    from mysqlops.core import retention
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    form = given.pop("output")
    policy = retention.Policy(**{key: given.pop(f"keep_{key}") for key in retention.PERIODS})
    if not policy:
        raise click.UsageError("give at least one of --keep-last, --keep-hourly, -daily, -weekly and -monthly")
    with context.changing(name, "backup prune", given) as session:
        chosen = targets.find(session.client, target)
        gone = operations.prune_plan(session, name, chosen, policy)
        if not dry_run:
            operations.remove(session, chosen, gone)
    listed = ", ".join(one.id for one in gone) or "nothing"
    output.result({"removed": [one.id for one in gone]}, form, f"{'would remove' if dry_run else 'removed'} {listed}")
