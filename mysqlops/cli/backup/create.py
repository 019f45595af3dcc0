"""mysqlops backup create"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from mysqlops import errors
from mysqlops.cli import options, output
from mysqlops.cli.backup import show
from mysqlops.cli.context import Run
from mysqlops.core.retention import Policy

if TYPE_CHECKING:
    from mysqlops.core.backup import Backup
    from mysqlops.operations.session import Session


@click.command()
@options.cluster("6h")
@options.target
@options.copied_member
@click.option(
    "--method",
    type=click.Choice(["archive", "snapshot", "logical"]),
    default="archive",
    show_default=True,
    help="Store a copy of the data, let the storage take a VolumeSnapshot, or store an SQL dump.",
)
@click.option("--snapshot-class", metavar="NAME", default="", help="VolumeSnapshotClass (default: the driver's).")
@click.option("--all-members", is_flag=True, help="Copy the volume of every member, one after another.")
@options.rate
@click.option("--no-check", is_flag=True, help="Store the copy without reading all its tables first.")
@options.keep
@options.dry_run()
@options.wait("Wait until the backup is stored, or return once the Job has started.")
def create(
    run: Run,
    *,
    target: str | None,
    member: str,
    method: str,
    snapshot_class: str,
    all_members: bool,
    rate_mib: int,
    no_check: bool,
    policy: Policy,
    dry_run: bool,
    wait: bool,
) -> None:
    """Back up the cluster NAME: copy a replica, read every table of the copy, store it.

    A Job does this with a scratch volume as large as a member's; members are only read. If the command is killed, the
    Job continues, and the next run waits for it. With --keep-…, older backups are pruned afterwards.

    With --method snapshot, the storage keeps the data next to the volume: quick, but lost together with that storage. A
    snapshot is like a disk after a power failure, so a server recovers it and reads every table before it counts.

    With --method logical, the copy is dumped as SQL for a server of another version: larger and slower than the data.

    \b
    Examples:
      mysqlops backup create mysql
      mysqlops backup create mysql --all-members
      mysqlops backup create mysql --method snapshot
      mysqlops backup create mysql --method logical
      mysqlops backup create mysql --target offsite --rate 50Mi --keep-daily 7
    """
    from mysqlops.core import backup
    from mysqlops.operations import backup as operations
    from mysqlops.operations import jobs, snapshot, targets

    if member and all_members:
        raise errors.ConfigError(f"--member {member} and --all-members exclude each other")
    _check_method(method, snapshot_class, limits=bool(rate_mib or policy), no_check=no_check)
    if not wait and (all_members or method == backup.SNAPSHOT):
        text = "--no-wait: not with --all-members or --method snapshot, which are more than one Job"
        raise errors.ConfigError(text, hint="mysqlops backup schedule set: a schedule needs no command")

    def act(session: Session) -> Sequence[backup.Backup] | str:
        check = backup.NONE if no_check else backup.CHECKSUM
        place = targets.find(session.client, target)
        request = operations.Request(place, member, method, check, rate_mib, policy)
        if not wait:
            return jobs.begin(session, operations.job_of(session, run.name, request))
        as_snapshot: operations.Make = partial(snapshot.create, snapshot_class=snapshot_class)
        make = as_snapshot if method == backup.SNAPSHOT else operations.create
        if all_members:
            return operations.create_of_all(session, run.name, request, make)
        return [make(session, run.name, request)]

    what = f"back up {'every member of ' if all_members else ''}{run.name}"
    done = run.do(act, what, dry_run=dry_run, locks=False)
    if isinstance(done, str):
        output.result({"job": done, "waited": wait}, run.form, f"Job {done} backs up {run.name}")
    else:
        _show(run, done, is_list=all_members)


def _check_method(method: str, snapshot_class: str, *, limits: bool, no_check: bool) -> None:
    from mysqlops.core import backup

    if method != backup.SNAPSHOT and snapshot_class:
        raise errors.ConfigError(f"--snapshot-class {snapshot_class}: only with --method snapshot")
    if method == backup.LOGICAL and no_check:
        raise errors.ConfigError("--no-check: a dump reads every row anyway")
    if method == backup.SNAPSHOT and limits:
        raise errors.ConfigError("--rate and --keep-…: not with --method snapshot", hint="mysqlops backup prune")


def _show(run: Run, made: Sequence[Backup], *, is_list: bool) -> None:
    facts = [{**show.as_json(stored), "waited": True} for stored in made]
    output.result(facts if is_list else facts[0], run.form, *map(show.sentence, made))
