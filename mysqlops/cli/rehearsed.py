"""`upgrade --rehearse`: its options, and what it prints."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from mysqlops.cli import complete, options, output
from mysqlops.cli.context import Run
from mysqlops.core import counting

if TYPE_CHECKING:
    from mysqlops.core.rehearsal import Rehearsal
    from mysqlops.operations.rehearsal import Rehearsing
    from mysqlops.operations.signing import Trust

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Asked:
    """Whether to rehearse, and with which backup."""

    rehearses: bool
    backup: str | None
    target: str | None
    trust: Trust

    def check(self, image: str | None, way: str | None, checker_secret: str | None) -> None:
        """Raises UsageError for options that say nothing together."""
        if self.rehearses and way:
            raise click.UsageError(f"--rehearse and --{way} exclude each other")
        if checker_secret is not None and (image is None or self.rehearses):
            raise click.UsageError("--checker-secret: only with --image, and not with --rehearse")
        if self.rehearses and image is None:
            raise click.UsageError("--rehearse: give the new --image")
        if not self.rehearses and (self.backup or self.target or self.trust.accept_unsigned or self.trust.signed_by):
            raise click.UsageError("--backup, --target, --accept-unsigned and --signed-by: only with --rehearse")


def options_of(function: F) -> F:
    """--rehearse and the choice of its backup, passed as `asked`."""

    @functools.wraps(function)
    def wrapper(*words: Any, trust: Trust, **given: Any) -> Any:
        asked = Asked(given.pop("rehearse"), given.pop("backup"), given.pop("target"), trust)
        return function(*words, asked=asked, **given)

    rehearse = "Only try the new image on a copy of a backup, apart from the cluster."
    backup = "Rehearse with this backup (default: the newest of the cluster)."
    target = "Its target (default: that of the cluster's schedule, else the only one)."
    found = [
        click.Option(["--rehearse"], is_flag=True, help=rehearse),
        click.Option(["--backup"], metavar="ID", shell_complete=complete.backups, help=backup),
        click.Option(["--target"], metavar="NAME", shell_complete=complete.targets, help=target),
    ]
    made = options.trust(wrapper)
    options.add(made, found)
    return cast("F", made)


def rehearse(run: Run, asked: Asked, changes: dict[str, Any], *, dry_run: bool) -> None:
    """Raises what shows that the upgrade would fail, after it was printed and noted."""
    from mysqlops.operations import observe, rehearsal
    from mysqlops.operations import upgrade as operations

    request = rehearsal.Request(asked.target, asked.backup, asked.trust)
    with run.reading() as session:
        running = observe.must_run(session.client, run.name)
        spec = operations.wanted_spec(running, changes)
        what = rehearsal.plan(session, run.name, running, spec, request)
        if dry_run:
            output.show_steps(what.steps, run.form)
            return
        done = rehearsal.execute(session, run.name, what)
    if run.is_for_people:
        _show(done, what)
    elif done.is_good:
        output.data(rehearsal.as_json(done, what), run.form)
    rehearsal.check(what, done)


def _show(done: Rehearsal, what: Rehearsing) -> None:
    """The steps with their times, then the verdict."""
    started = f"MySQL {done.version} upgraded the copy and answered" if done.tables else "it did not serve the data"
    compared = (
        f"{counting.of(done.tables, 'table')}, {counting.of(done.rows, 'row')}{' as recorded' if done.ok else ''}"
    )
    rows = [("fetch", done.fetch_seconds, f"{done.backup}, of {what.chosen.at}")]
    rows.append(("start", done.start_seconds, started))
    if done.tables:
        rows.append(("compare", done.compare_seconds, compared))
    output.table(("step", "seconds", "result"), [(step, f"{seconds:.1f}", text) for step, seconds, text in rows])
    output.say(f"{done.image} with the settings of {what.spec.name}: {done.verdict()}")
