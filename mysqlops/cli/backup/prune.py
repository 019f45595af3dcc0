"""mysqlops backup prune"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core.retention import Policy


@click.command()
@options.cluster("1h")
@options.target
@options.keep
@options.confirmed("backups are deleted")
@options.dry_run("Show what would be deleted; change nothing.")
def prune(run: Run, *, target: str | None, policy: Policy, dry_run: bool) -> None:
    """Delete the backups of the cluster NAME that a policy does not keep.

    Whatever the policy is, each history keeps its newest good backup and the last one that was restored. Backups of
    other clusters are not touched.

    \b
    Example:
      mysqlops backup prune mysql --keep-daily 7 --keep-weekly 4 --yes
    """
    from mysqlops.operations import pruning, targets

    if not policy:
        raise click.UsageError(
            "give at least one of --keep-last, --keep-hourly, --keep-daily, --keep-weekly and --keep-monthly"
        )
    if not dry_run:
        run.confirm(f"deletes the backups of {run.name} that the policy does not keep")
    with run.changing(dry_run=dry_run) as session:
        chosen = targets.find(session.client, target)
        act = pruning.prune_plan if dry_run else pruning.prune
        gone = act(session, run.name, chosen, policy)
    listed = ", ".join(backup.id for backup in gone) or "nothing"
    output.result(
        {"removed": [backup.id for backup in gone]}, run.form, f"{'would delete' if dry_run else 'deleted'} {listed}"
    )
