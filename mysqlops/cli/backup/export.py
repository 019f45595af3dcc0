"""mysqlops backup export"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import options, output
from mysqlops.cli.context import Run

if TYPE_CHECKING:
    from mysqlops.operations.session import Session
    from mysqlops.operations.signing import Trust

_FILE = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]{0,199}")


@click.command()
@options.backup
@options.dry_run()
@click.option("--claim", required=True, metavar="NAME", help="The claim that the file is written to.")
@click.option("--file", metavar="NAME", help="The file's name (default: BACKUP.tar).")
@options.namespaced("6h")
@options.trust
@options.target
def export(
    run: Run, backup: str, *, claim: str, file: str | None, trust: Trust, target: str | None, dry_run: bool
) -> None:
    """Write BACKUP as one tar file onto a claim of the namespace: a copy that needs neither restic nor its password.

    It holds `data`, a data directory that mysqld of the version recorded starts with, and `manifest.json`. It is not
    encrypted. A file that is there is never overwritten, and one that is not complete never has its name.

    \b
    Example:
      mysqlops backup export mysql-20261124-163000 --claim archive
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import targets

    file = file or f"{backup}.tar"
    if not _FILE.fullmatch(file):
        raise errors.ConfigError(f"--file {file!r}: expected a plain file name of letters, digits, '.', '_' and '-'")
    path = file

    def act(session: Session) -> str:
        place = targets.find(session.client, target)
        return operations.export(session, place, operations.trusted(session, place, backup, trust), claim, path)

    if dry_run:
        run.rehearse(act, f"write {backup} onto claim {claim}, file {path}")
        return
    with run.reading() as session:
        digest = act(session)
    text = f"{backup} is in claim {claim}, file {file}; sha256 {digest}"
    output.result({"backup": backup, "claim": claim, "file": file, "sha256": digest}, run.form, text)
