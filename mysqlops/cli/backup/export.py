"""mysqlops backup export"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import options, output
from mysqlops.cli.context import Run

if TYPE_CHECKING:
    from mysqlops.core.typed import Json
    from mysqlops.operations.session import Session
    from mysqlops.operations.signing import Trust

_FILE = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]{0,199}")


@click.command()
@options.backup
@options.dry_run()
@options.wait("Wait until the file is complete, or return once the Job has started.")
@click.option("--claim", required=True, metavar="NAME", help="Claim that the file is written to.")
@click.option("--file", metavar="NAME", help="Name of the file (default: BACKUP.tar).")
@options.namespaced("6h")
@options.trust
@options.target
def export(
    run: Run, backup: str, *, claim: str, file: str | None, trust: Trust, target: str | None, dry_run: bool, wait: bool
) -> None:
    """Write BACKUP as one tar file onto a claim of the namespace: a copy that needs neither restic nor its password.

    It holds `data`, a data directory for mysqld of the recorded version, and `manifest.json`. It is not encrypted. An
    existing file is never overwritten, and the file gets its name only once it is complete.

    \b
    Example:
      mysqlops backup export mysql-20261124-163000 --claim archive
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import export as exporting
    from mysqlops.operations import jobs, targets

    file = file or f"{backup}.tar"
    if not _FILE.fullmatch(file):
        raise errors.ConfigError(f"--file {file!r}: expected a plain file name of letters, digits, '.', '_' and '-'")
    path = file

    def act(session: Session) -> tuple[Json, str]:
        place = targets.find(session.client, target)
        job = exporting.job_of(session, place, operations.trusted(session, place, backup, trust), claim, path)
        if wait:
            digest = exporting.run(session, job)
            return {"sha256": digest}, f"{backup} is in claim {claim}, file {path}; sha256 {digest}"
        started = jobs.begin(session, job)
        return {"job": started}, f"Job {started} writes {backup} onto claim {claim}"

    what = f"write {backup} onto claim {claim}, file {path}"
    facts, text = run.do(act, what, dry_run=dry_run, locks=False)
    output.result({"backup": backup, "claim": claim, "file": path, "waited": wait, **facts}, run.form, text)
