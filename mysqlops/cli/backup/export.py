"""mysqlops backup export"""

from __future__ import annotations

import re
from typing import Any

import click

from mysqlops import errors
from mysqlops.cli import context, options, output

_FILE = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]{0,199}")


@click.command()
@click.argument("backup")
@click.option("--claim", required=True, metavar="NAME", help="The claim that the file is written to.")
@click.option("--file", metavar="NAME", help="The file's name (default: BACKUP.tar).")
@options.namespaced("6h")
@options.trust
@options.target
def command(backup: str, claim: str, file: str | None, target: str | None, **given: Any) -> None:
    """Write BACKUP as one tar file onto a claim of the namespace: a copy that needs neither restic nor its password.

    It holds `data`, a data directory that mysqld of the version recorded starts with, and `manifest.json`. It is not
    encrypted. A file that is there is never overwritten, and one that is not complete never has its name.

    \b
    Example:
      mysqlops backup export mysql-20261124-163000 --claim archive
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import signing, targets

    file = file or f"{backup}.tar"
    if not _FILE.fullmatch(file):
        raise errors.ConfigError(f"--file {file!r}: expected a plain file name of letters, digits, '.', '_' and '-'")
    form = given.pop("output")
    trust = signing.Trust(given.pop("accept_unsigned"), given.pop("signed_by"))
    with context.anywhere(given) as session:
        place = targets.find(session.client, target)
        chosen = operations.trusted(session, place, backup, trust)
        digest = operations.export(session, place, chosen, claim, file)
    text = f"{backup} is in claim {claim}, file {file}; sha256 {digest}"
    output.result({"backup": backup, "claim": claim, "file": file, "sha256": digest}, form, text)
