"""mysqlops restore"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from mysqlops import errors
from mysqlops.cli import complete, described, options, output
from mysqlops.cli import restored as texts
from mysqlops.cli.context import Run
from mysqlops.core import names
from mysqlops.core.backup import FACTS, UNSIGNED

if TYPE_CHECKING:
    from mysqlops.operations.in_place import Source
    from mysqlops.operations.session import Session
    from mysqlops.operations.signing import Trust


@click.command()
@click.argument("backup", required=False, shell_complete=complete.backups)
@click.option("--as", "name", metavar="NAME", help="Create a cluster of that name.")
@click.option(
    "--in-place",
    metavar="NAME",
    shell_complete=complete.clusters,
    help="Replace the data of that cluster; its previous claims are kept.",
)
@click.option(
    "--member", metavar="POD", shell_complete=complete.members, help="Replace only this member's data with the backup."
)
@click.option(
    "--revert",
    metavar="NAME",
    shell_complete=complete.clusters,
    help="Undo the last in-place restore of that cluster.",
)
@click.option("--to", metavar="POINT", help="Recover to a point: latest, a moment, UUID:N or before-UUID:N.")
@options.confirmed("for --in-place, --member and --revert", has_yes=False)
@options.trust
@click.option(
    "--accept-loss", is_flag=True, help="Continue although the member may hold transactions that no other has."
)
@options.namespaced("6h", has_as=False)
@options.target
@described.spec(with_defaults=False)
@options.dry_run("Check everything and show what would be done; change nothing.")
def restore(
    run: Run,
    backup: str | None,
    *,
    name: str | None,
    in_place: str | None,
    member: str | None,
    revert: str | None,
    to: str | None,
    trust: Trust,
    accept_loss: bool,
    target: str | None,
    wanted: described.Wanted,
    dry_run: bool,
) -> None:
    """Create a cluster from BACKUP, or replace the data of a cluster or a member with BACKUP.

    The data is fetched, started without a network and compared with what was recorded before any member serves it. The
    applications' accounts keep their passwords; root, app and mysqlops' own get those of the cluster's Secret.

    With --as, the new cluster has the size, image and settings of the one that was backed up, unless you give others.
    To act as another user, give `--as USER` before `restore`.

    With --in-place, the cluster keeps its name, Services, passwords, size and settings. Its members run until the
    backup is fetched and proven on a new claim. Then all of them stop, and start with new claims. Only the previous
    claims hold what was written after the backup. They are kept, and --revert returns to them, even if the restore was
    killed.

    With --member, only that member's data is replaced. The others' binary logs supply what was written since.

    With --to, the target's binary logs (backup binlog start) are applied to the backup up to a point: everything stored
    (latest), all that was committed by a moment (2026-11-25T10:30:00Z), a transaction (UUID:N, as in gtid_executed), or
    everything before a transaction (before-UUID:N).

    The command leads every step, so it always waits. If it is killed, run it again: it continues.

    \b
    Examples:
      mysqlops restore mysql-20261124-163000 --as mysql-copy
      mysqlops restore mysql-20261124-163000 --as copy --to 2026-11-25T10:30:00Z
      mysqlops restore mysql-20261124-163000 --as copy --target offsite
      mysqlops restore mysql-20261124-163000 --in-place mysql --confirm mysql
      mysqlops restore mysql-20261124-163000 --member mysql-2 --confirm mysql-2
      mysqlops restore --revert mysql --confirm mysql
    """
    modes = {"--as": name, "--in-place": in_place, "--member": member, "--revert": revert}
    order = _order(backup, modes, wanted, to or "")
    order = replace(order, trust=trust, target=target, accept_loss=accept_loss)
    if order.option != "--as" and not dry_run:
        run.confirm(f"replaces the data of {order.name}", name=order.name, loses=True)
    with run.reading() as session:
        if order.option == "--revert":
            _revert(session, order.name, form=run.form, dry_run=dry_run)
            return
        source = _find(session, order)
        if order.option == "--as":
            _restore_as(session, source, order.name, form=run.form, dry_run=dry_run, wanted=wanted)
        elif order.option == "--member":
            _restore_member(session, source, order.name, form=run.form, dry_run=dry_run, accept_loss=accept_loss)
        else:
            _restore_in_place(session, source, order.name, form=run.form, dry_run=dry_run)


@dataclass(frozen=True)
class Order:
    """The request: one of four ways to restore, the cluster or member to restore, and the backup."""

    option: str
    name: str
    backup: str
    to: str
    trust: Trust | None = None
    target: str | None = None
    accept_loss: bool = False


def _order(backup: str | None, modes: dict[str, str | None], wanted: described.Wanted, to: str) -> Order:
    """The request that the options make; raises ConfigError if they contradict each other."""
    from mysqlops.core import pitr

    option, name = _check_words(backup, modes, wanted)
    to = str(pitr.parse(to)) if to else ""
    if to and option in ("--revert", "--member"):
        raise errors.ConfigError(f"--to {to}: only with --as or --in-place", hint="mysqlops restore --help")
    return Order(option, name, backup or "", to)


def _check_words(backup: str | None, modes: dict[str, str | None], wanted: described.Wanted) -> tuple[str, str]:
    """The option that was given, and the cluster or member that it names; raises ConfigError."""
    given = {option: value for option, value in modes.items() if value is not None}
    hint = "mysqlops restore --help"
    if len(given) != 1:
        text = f"{' and '.join(given)} exclude each other" if given else f"one of {', '.join(modes)} is needed"
        raise errors.ConfigError(text, hint=hint)
    ((option, name),) = given.items()
    if backup is None and option != "--revert":
        raise errors.ConfigError(f"{option} {name}: BACKUP is missing", hint="mysqlops backup list")
    if backup is not None and option == "--revert":
        raise errors.ConfigError(f"--revert {name} returns to the previous claims: omit {backup}", hint=hint)
    if option != "--as" and (extra := wanted.on_the_line - {"mysqld"}):
        listed = ", ".join(f"--{word.replace('_', '-')}" for word in sorted(extra))
        text = f"{listed}: a restore in place keeps what the cluster has"
        raise errors.ConfigError(text, hint="omit it; use upgrade, scale or storage resize to change a cluster")
    if option == "--member" and not re.fullmatch(r".+-\d", name):
        raise errors.ConfigError(f"--member {name}: expected a pod such as mysql-2", hint="kubectl get pods")
    names.check_cluster_name(_cluster_of(option, name))
    return option, name


def _cluster_of(option: str, name: str) -> str:
    return name.rsplit("-", 1)[0] if option == "--member" else name


def _find(session: Session, order: Order) -> Source:
    from mysqlops.operations import backup as backups
    from mysqlops.operations import restore, signing, targets
    from mysqlops.operations.in_place import Source

    trust, to = order.trust or signing.Trust(), order.to
    place = targets.find(session.client, order.target)
    listed, chunks = backups.held(session, place, trust.signed_by)
    found = backups.pick(listed, place, order.backup)
    signing.check(found, accepted=trust.accept_unsigned)
    # --accept-unsigned accepts unsealed binary logs too. But if the backup's facts are sealed, its cluster had a key
    # and sealed the logs: then they must be sealed.
    signed = UNSIGNED if trust.accept_unsigned and found.signed != FACTS else found.signed
    found = replace(found, signed=signed, key_secret=trust.signed_by or "")
    if to:
        restore.check_point(found, chunks, to)
    return Source(found, place, to)


def _restore_as(
    session: Session, source: Source, name: str, *, form: str, dry_run: bool, wanted: described.Wanted
) -> None:
    from mysqlops.core import setting_secrets
    from mysqlops.operations import backup as backups
    from mysqlops.operations import data_version, deploy, image_check, restore

    found = source.backup
    manifest = backups.manifest(session, source.target, found)
    changed: dict[str, Any] = {key: value for key, value in wanted.values.items() if key in wanted.chosen}
    if wanted.config_file is not None:
        changed["mysqld"] = wanted.spec(name, session.client.namespace).mysqld
    spec = restore.spec_of(session, found, manifest, name, changed)
    restore.check_data(found, manifest, spec)
    restore.check(session, found, spec, source.to)
    why = "as requested" if "image" in changed else restore.images(session, found).why
    runs = restore.shown(spec, manifest, why) + texts.logs(source)
    if dry_run:
        text = f"would restore {texts.size(source)} as {name}{texts.estimate(found)}; it would run"
        planned = {"backup": found.id, "spec": setting_secrets.shown_spec(asdict(spec))}
        output.result(planned, form, text, *(f"  {line}" for line in runs))
        return
    _say_runs(session, name, runs)
    tried = restore.check_image(session, found, spec)
    image_check.warn_of_version(session, tried)
    spec = image_check.pin(session, spec, tried)
    filled = restore.execute(session, found, source.target, spec, source.to)
    status = deploy.await_healthy(session, name)
    data_version.note_alone(session, status)
    text = f"{name} in {status.namespace} holds {texts.held(source, filled)}"
    answer = {"backup": found.id, "gtid": found.gtid, "reached": filled.reached, "status": status.as_json()}
    output.result(answer, form, text)


def _say_runs(session: Session, name: str, runs: list[str]) -> None:
    for line in runs:
        session.progress.say(f"{name}: {line}")


def _runs_now(session: Session, name: str, source: Source) -> list[str]:
    """Lines that say what a cluster runs that keeps its image and settings."""
    from mysqlops.operations import observe, restore

    spec = observe.must_run(session.client, name).spec
    return restore.shown(spec, None, f"as {name} runs now") + texts.logs(source)


def _restore_in_place(session: Session, source: Source, name: str, *, form: str, dry_run: bool) -> None:
    from mysqlops.operations import in_place, lock, remake, timeline_notes

    found = source.backup
    if dry_run:
        swap = in_place.plan(session, name, source)
        _say_runs(session, name, _runs_now(session, name, source))
        texts.show(swap, name, form, f"{texts.size(source)} of {found.where}{texts.estimate(found)}")
        return
    timeline_notes.read(session, name)
    with lock.held(session, name, "restore"):
        remake.finish(session, name)
        swap = in_place.plan(session, name, source)
        _say_runs(session, name, _runs_now(session, name, source))
        done = in_place.execute(session, name, swap, source)
    texts.tell(swap, name, form, f"{name} holds {texts.held(source, done.filled)}", done)


def _restore_member(session: Session, source: Source, pod: str, *, form: str, dry_run: bool, accept_loss: bool) -> None:
    from mysqlops.operations import lock, restore_member

    name, found = _cluster_of("--member", pod), source.backup
    answer = {"backup": found.id, "member": pod}
    _say_runs(session, name, _runs_now(session, name, source))
    if dry_run:
        restore_member.check(session, name, pod, found, accept_loss=accept_loss)
        output.result(
            answer,
            form,
            f"would delete the data of {pod} and replace it with {texts.size(source)}{texts.estimate(found)}",
        )
        return
    with lock.held(session, name, "restore"):
        restore_member.execute(session, name, pod, found, source.target, accept_loss=accept_loss)
    output.result(answer, form, f"{pod} was restored from {found.id} and holds what the group holds")


def _revert(session: Session, name: str, *, form: str, dry_run: bool) -> None:
    from mysqlops.operations import in_place, lock, remake, timeline_notes

    if dry_run:
        texts.show(in_place.plan_revert(session, name), name, form, "the data from before the last restore")
        return
    timeline_notes.read(session, name)
    with lock.held(session, name, "restore"):
        remake.finish(session, name)
        swap = in_place.plan_revert(session, name)
        done = in_place.execute(session, name, swap, None)
    texts.tell(swap, name, form, f"{name} has the claims {swap.new.claims}-… again", done)
