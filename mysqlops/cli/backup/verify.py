"""mysqlops backup verify"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mysqlops.cli import options, output
from mysqlops.cli.backup import show
from mysqlops.cli.context import Run
from mysqlops.core import counting

if TYPE_CHECKING:
    from mysqlops.core.backup import Backup
    from mysqlops.core.typed import Json
    from mysqlops.operations.session import Session
    from mysqlops.operations.signing import Trust


@click.command()
@options.cluster("6h")
@options.backup
@options.trust
@options.dry_run()
@options.wait("Wait for the result, or return once the Job has started.")
@options.target
def verify(run: Run, backup: str, *, trust: Trust, target: str | None, dry_run: bool, wait: bool) -> None:
    """Restore BACKUP in a separate pod, start it, and compare every table with what was recorded.

    The pod uses the image and settings of the cluster NAME, and has no network. The target records the result, and how
    long fetching and starting took. A backup that no key of this namespace sealed is refused, unless you accept it: a
    server must not read a stranger's files.

    \b
    Example:
      mysqlops backup verify mysql mysql-20261124-163000
    """
    from mysqlops.operations import backup as operations
    from mysqlops.operations import jobs, targets

    def act(session: Session) -> tuple[Json, str]:
        place = targets.find(session.client, target)
        found = operations.trusted(session, place, backup, trust)
        if wait:
            done = operations.verify(session, run.name, place, found)
            return show.as_json(done), _sentence(done)
        job = jobs.begin(session, operations.verify_job(session, run.name, place, found))
        return {"backup": backup, "job": job}, f"Job {job} verifies {backup}"

    what = f"restore {backup} in a separate pod, and compare it"
    facts, text = run.do(act, what, dry_run=dry_run, locks=False)
    output.result({**facts, "waited": wait}, run.form, text)


def _sentence(done: Backup) -> str:
    seconds = done.verified.seconds if done.verified else 0.0
    return (
        f"{done.id} is good: fetched and started in {seconds} s, "
        f"{counting.of(done.tables, 'table')} and {counting.of(done.rows, 'row')} as recorded"
    )
