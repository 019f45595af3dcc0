"""mysqlops report"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import counting


@click.command()
@options.cluster("5m")
@click.option("--file", "-f", metavar="FILE", help="Where to write it (default: NAME-report-TIME.zip in this folder).")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
def report(run: Run, *, file: str | None, overwrite: bool) -> None:
    """Write a zip file for a colleague: objects, events, logs, the group's state, settings, status and doctor.

    Secrets are left out: of Secrets it has names and keys only. What your rights do not allow is listed in its README.
    It has mode 0600, and names of databases, tables, hosts and accounts are in it.

    \b
    Examples:
      mysqlops report mysql
      mysqlops report mysql --file incident.zip
    """
    from mysqlops.operations import local_file
    from mysqlops.operations import report as operations

    with run.reading() as session:
        path = Path(file or f"{run.name}-report-{session.clock.now():%Y%m%d-%H%M%S}.zip")
        local_file.check(path, overwrite=overwrite)
        made = operations.collect(session, run.name)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in sorted(made.files.items()):
                archive.writestr(f"{path.stem}/{name}", text)
        local_file.write(path, content.getvalue(), overwrite=overwrite)
    text = f"{path}: {counting.of(len(made.files), 'file')}, {len(content.getvalue()) // 1024} KiB"
    missing = f"; {len(made.unread)} sources could not be read, see its README.txt" if made.unread else ""
    value = {"file": str(path), "files": sorted(made.files), "unread": made.unread}
    output.result(value, run.form, text + missing)
