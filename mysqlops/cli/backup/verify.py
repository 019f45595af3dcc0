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
    from mysqlops.core.target import Target
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

    def find(session: Session) -> tuple[Target, Backup]:
        place = targets.find(session.client, target)
        return place, operations.trusted(session, place, backup, trust)

    def act(session: Session) -> Backup:
        return operations.verify(session, run.name, *find(session))

    if dry_run:
        run.rehearse(act, f"restore {backup} in a separate pod, and compare it")
        return
    with run.reading() as session:
        if not wait:
            started = jobs.begin(session, operations.verify_job(session, run.name, *find(session)))
            output.result(
                {"backup": backup, "job": started, "waited": wait}, run.form, f"Job {started} verifies {backup}"
            )
            return
        done = act(session)
    seconds = done.verified.seconds if done.verified else 0.0
    text = (
        f"{done.id} is good: fetched and started in {seconds} s, "
        f"{counting.of(done.tables, 'table')} and {counting.of(done.rows, 'row')} as recorded"
    )
    output.result({**show.as_json(done), "waited": wait}, run.form, text)
