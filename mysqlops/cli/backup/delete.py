"""mysqlops backup delete"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run


@click.command()
@options.backup
@options.confirmed("the backup is gone for good", metavar="BACKUP", has_yes=False)
@options.dry_run()
@options.namespaced("1h")
@options.target
def delete(run: Run, backup: str, *, target: str | None, dry_run: bool) -> None:
    """Delete one backup. This is refused for the last good backup of a history, and for the last one that was restored.

    An in-place restore and `recover` begin another history. A history that has ended may lose its last backup.

    \b
    Example:
      mysqlops backup delete mysql-20261124-163000 --confirm mysql-20261124-163000
    """
    from mysqlops.operations import pruning, targets

    if dry_run:
        with run.reading() as session:
            pruning.delete_plan(session, targets.find(session.client, target), backup)
        output.result({"removed": [], "would": [backup]}, run.form, f"would delete {backup}; nothing was changed")
        return
    run.confirm(f"deletes {backup} for good", name=backup, loses=True)
    with run.reading() as session:
        pruning.delete(session, targets.find(session.client, target), backup)
    output.result({"removed": [backup]}, run.form, f"deleted {backup}")
