"""mysqlops restore"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mysqlops.cli import context, options, output
from mysqlops.core import names, quantity


@click.command()
@click.argument("backup")
@click.option("--as", "name", required=True, metavar="NAME", help="The name of the new cluster.")
@options.target
@options.spec
@options.connection
@options.timeout("6h")
@options.output("table", "json", "yaml")
@click.option("--dry-run", is_flag=True, help="Check everything and show what would be made; change nothing.")
def command(backup: str, name: str, target: str | None, dry_run: bool, **given: Any) -> None:
    """Make a new cluster of BACKUP.

    Size, image and settings are those of the cluster that was backed up, unless you give others. The data is fetched,
    started without a network and compared with what was recorded before any member serves it. The applications'
    accounts keep their passwords; root, app and mysqlops' own get new ones, in the new cluster's Secret.

    \b
    Examples:
      mysqlops restore mysql-20261124-163000 --as mysql-copy
      mysqlops restore mysql-20261124-163000 --as mysql-copy --replicas 1 --target offsite
    """
    from mysqlops.operations import backup as backups
    from mysqlops.operations import deploy, restore, targets

    names.check_cluster_name(name)
    form, config_file = given.pop("output"), given.pop("config_file")
    session_options = {key: given.pop(key) for key in ("context", "namespace", "timeout")}
    chosen = options.chosen()
    with context.anywhere(session_options) as session:
        place = targets.find(session.client, target)
        found = backups.find(session, place, backup)
        manifest = backups.manifest(session, place, found)
        changed = {key: value for key, value in given.items() if key in chosen}
        if config_file is not None:
            changed["mysqld"] = context.make_spec(name, session.client.namespace, config_file, dict(given)).mysqld
        spec = restore.spec_of(manifest, name, session.client.namespace, changed)
        restore.check(session, found, spec)
        if dry_run:
            text = f"would restore {found.id} ({quantity.format_bytes(found.size)}, {found.at}) as {name}"
            if found.verified:
                text += f"; fetching and starting it took {found.verified.seconds:.0f} s when it was verified"
            output.result({"backup": found.id, "spec": asdict(spec)}, form, text)
            return
        restore.check_image(session, found, spec)
        restore.execute(session, found, place, spec)
        status = deploy.await_healthy(session, name)
    text = f"{name} in {status.namespace} holds {found.id}: {found.tables} tables, {found.rows} rows, as of {found.at}"
    output.result({"backup": found.id, "gtid": found.gtid, "status": status.as_json()}, form, text)
