"""mysqlops backup list"""

from __future__ import annotations

import click

from mysqlops.cli import options
from mysqlops.cli.backup import seen, show
from mysqlops.cli.context import Run


@click.command()
@options.namespaced("2m")
@options.target
@options.optional_cluster
def list(run: Run, name: str | None, *, target: str | None) -> None:
    """List the backups in a target: those of the cluster NAME of this namespace, or of all clusters that use it.

    VERIFIED is none, checksum (every table of the copy was read before it was stored), restored (restored, started
    and found equal), or failed. GTIDS counts the transactions. SIGNED is yes (the cluster's key sealed the recorded
    facts and the files), facts (it sealed only the facts), no, or unknown (a key that this namespace does not have).

    \b
    Example:
      mysqlops backup list mysql --target offsite
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    with run.reading() as session:
        found = operations.catalogue(session, targets.find(session.client, target))
        if name is not None:
            found = [backup for backup in found if backup.where == f"{session.client.namespace}/{name}"]
    seen.write(run.access, [backup.id for backup in found])
    show.table(found, run.form)
