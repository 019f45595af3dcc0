"""mysqlops restore"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from mysqlops import errors
from mysqlops.cli import context, options, output
from mysqlops.core import names, quantity
from mysqlops.core.backup import FACTS, UNSIGNED, Backup
from mysqlops.core.spec import SURROUNDINGS

if TYPE_CHECKING:
    from mysqlops.core.timeline import Swap
    from mysqlops.operations.in_place import Result, Source
    from mysqlops.operations.restore import Filled
    from mysqlops.operations.session import Session


@click.command()
@click.argument("backup", required=False)
@click.option("--as", "name", metavar="NAME", help="Make a new cluster of that name.")
@click.option("--in-place", metavar="NAME", help="Replace the data of that cluster; its claims are kept.")
@click.option("--member", metavar="POD", help="Make only this member's volume anew, from the backup.")
@click.option("--revert", metavar="NAME", help="Take the last restore in place of that cluster back.")
@click.option("--to", metavar="POINT", help="Bring it forward: latest, a moment, UUID:N or before-UUID:N.")
@click.option("--confirm", metavar="NAME", help="The name again, for --in-place, --member and --revert.")
@options.trust
@click.option("--accept-loss", is_flag=True, help="Although the member may hold transactions that no other has.")
@options.target
@options.spec
@options.connection
@options.timeout("6h")
@options.output("table", "json", "yaml")
@click.option("--dry-run", is_flag=True, help="Check everything and show what would be made; change nothing.")
def command(backup: str | None, confirm: str | None, accept_loss: bool, **given: Any) -> None:
    """Make a new cluster of BACKUP, or put BACKUP in the place of a cluster's or a member's data.

    The data is fetched, started without a network and compared with what was recorded before any member serves it. The
    applications' accounts keep their passwords; root, app and mysqlops' own get those of the cluster's Secret.

    With --as, size, image and settings are those of the cluster that was backed up, unless you give others.

    With --in-place the cluster keeps its name, Services, passwords, size and settings. Its members run until the backup
    is there and proven on a new claim; then all stop, and start with new claims. What was written after the backup is
    only in the claims of before, which are kept: --revert brings them back, also from a restore that was killed.

    With --member only that member's volume is made anew, and what was written since comes from the others' binary logs.

    With --to the binary logs in the target (backup binlog start) are applied to the backup up to a point: everything
    that is there (latest), all that was committed at a moment (2026-11-25T10:30:00Z), a transaction (UUID:N, as in
    gtid_executed), or all before one (before-UUID:N).

    \b
    Examples:
      mysqlops restore mysql-20261124-163000 --as mysql-copy
      mysqlops restore mysql-20261124-163000 --as mysql-copy --to 2026-11-25T10:30:00Z
      mysqlops restore mysql-20261124-163000 --as mysql-copy --replicas 1 --target offsite
      mysqlops restore mysql-20261124-163000 --in-place mysql --confirm mysql
      mysqlops restore mysql-20261124-163000 --member mysql-2 --confirm mysql-2
      mysqlops restore --revert mysql --confirm mysql
    """
    from mysqlops.core import pitr

    chosen = options.chosen()
    modes = {option: given.pop(key) for option, key in _MODES.items()}
    option, name = _check_words(backup, modes, chosen)
    target, to = given.pop("target"), given.pop("to") or ""
    trust = {key: given.pop(key) for key in ("accept_unsigned", "signed_by")}
    to = str(pitr.parse(to)) if to else ""
    if to and option in ("--revert", "--member"):
        raise errors.ConfigError(f"--to {to}: only with --as and --in-place", hint="mysqlops restore --help")
    form, dry_run = given.pop("output"), given.pop("dry_run")
    if option != "--as" and confirm != name and not dry_run:
        text = f"this replaces the data of {name}, and the name was not confirmed"
        raise errors.Refused([errors.Reason("not-confirmed", text, f"--confirm {name}; --dry-run shows what it does")])
    session_options = {key: given.pop(key) for key in ("context", "namespace", "timeout")}
    with context.anywhere(session_options) as session:
        if option == "--revert":
            _revert(session, name, form=form, dry_run=dry_run)
            return
        source = _find(session, str(backup), target, to, trust)
        if option == "--as":
            _restore_as(session, source, name, form=form, dry_run=dry_run, changed=given, chosen=chosen)
        elif option == "--member":
            _restore_member(session, source, name, form=form, dry_run=dry_run, accept_loss=accept_loss)
        else:
            _restore_in_place(session, source, name, form=form, dry_run=dry_run)


_MODES = {"--as": "name", "--in-place": "in_place", "--member": "member", "--revert": "revert"}


def _check_words(backup: str | None, modes: dict[str, str | None], chosen: set[str]) -> tuple[str, str]:
    """The option that was given, and the cluster or member that is meant; raises ConfigError."""
    given = {option: value for option, value in modes.items() if value is not None}
    hint = "mysqlops restore --help"
    if len(given) != 1:
        text = f"{' and '.join(given)}: one of them only" if given else f"one of {', '.join(_MODES)} is needed"
        raise errors.ConfigError(text, hint=hint)
    ((option, name),) = given.items()
    if backup is None and option != "--revert":
        raise errors.ConfigError(f"{option} {name}: which BACKUP?", hint="mysqlops backup list")
    if backup is not None and option == "--revert":
        raise errors.ConfigError(f"--revert {name} goes back to what was before, not to {backup}", hint=hint)
    if option != "--as" and (extra := chosen & _SPEC & _on_the_command_line()):
        listed = ", ".join(f"--{one.replace('_', '-')}" for one in sorted(extra))
        text = f"{listed}: a restore in place keeps what the cluster has"
        raise errors.ConfigError(text, hint="leave it away; upgrade, scale and storage resize change a cluster")
    if option == "--member" and not re.fullmatch(r".+-\d", name):
        raise errors.ConfigError(f"--member {name}: expected a pod such as mysql-2", hint="kubectl get pods")
    names.check_cluster_name(_cluster_of(option, name))
    return option, name


def _cluster_of(option: str, name: str) -> str:
    return name.rsplit("-", 1)[0] if option == "--member" else name


_SPEC = {*"replicas image agent_image storage_size storage_class memory cpu config_file".split(), *SURROUNDINGS}


def _on_the_command_line() -> set[str]:
    """MYSQLOPS_IMAGE in the environment is no wish for this cluster."""
    found = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    return {one for one in found.params if found.get_parameter_source(one) == source}


def _find(session: Session, backup: str, target: str | None, to: str, trusted: dict[str, Any]) -> Source:
    from mysqlops.operations import backup as backups
    from mysqlops.operations import restore, signing, targets
    from mysqlops.operations.in_place import Source

    place, trust = targets.find(session.client, target), signing.Trust(**trusted)
    there, chunks = backups.held(session, place, trust.signed_by)
    found = backups.pick(there, place, backup)
    signing.check(found, accepted=trust.accept_unsigned)
    # Who takes it all the same takes binary logs that nobody has sealed too. If what is recorded of it is sealed, its
    # cluster had a key, and sealed them.
    signed = UNSIGNED if trust.accept_unsigned and found.signed != FACTS else found.signed
    found = replace(found, signed=signed, key_secret=trust.signed_by or "")
    if to:
        restore.check_point(found, chunks, to)
    return Source(found, place, to)


def _restore_as(
    session: Session, source: Source, name: str, *, form: str, dry_run: bool, changed: dict[str, Any], chosen: set[str]
) -> None:
    from mysqlops.operations import backup as backups
    from mysqlops.operations import deploy, restore

    found, config_file = source.backup, changed.pop("config_file")
    manifest = backups.manifest(session, source.target, found)
    wanted = {key: value for key, value in changed.items() if key in chosen}
    if config_file is not None:
        wanted["mysqld"] = context.make_spec(name, session.client.namespace, config_file, dict(changed)).mysqld
    spec = restore.spec_of(session, found, manifest, name, wanted)
    restore.check_data(found, manifest, spec)
    restore.check(session, found, spec, source.to)
    why = "as you say" if "image" in wanted else restore.images(session, found).why
    runs = restore.shown(spec, manifest, why) + _logs(source)
    if dry_run:
        text = "\n  ".join([f"would restore {_size(source)} as {name}{_estimate(found)}; it would run", *runs])
        output.result({"backup": found.id, "spec": asdict(spec)}, form, text)
        return
    _say_runs(session, name, runs)
    restore.check_image(session, found, spec)
    filled = restore.execute(session, found, source.target, spec, source.to)
    status = deploy.await_healthy(session, name)
    text = f"{name} in {status.namespace} holds {_held(source, filled)}"
    answer = {"backup": found.id, "gtid": found.gtid, "reached": filled.reached, "status": status.as_json()}
    output.result(answer, form, text)


def _say_runs(session: Session, name: str, runs: list[str]) -> None:
    for line in runs:
        session.progress.say(f"{name}: {line}")


def _runs_now(session: Session, name: str, source: Source) -> list[str]:
    """Of a cluster that keeps what it has."""
    from mysqlops.operations import observe, restore

    spec = observe.must_run(session.client, name).spec
    return restore.shown(spec, None, f"as {name} runs now") + _logs(source)


def _logs(source: Source) -> list[str]:
    if not source.to:
        return []
    sealed = "sealed with the same key" if source.backup.signed != UNSIGNED else "which nobody has to have sealed"
    return [f"binary logs: those in target {source.target.name}, {sealed}"]


def _restore_in_place(session: Session, source: Source, name: str, *, form: str, dry_run: bool) -> None:
    from mysqlops.operations import in_place, lock, remake

    found = source.backup
    if dry_run:
        swap = in_place.plan(session, name, source)
        _say_runs(session, name, _runs_now(session, name, source))
        _show(swap, name, form, f"{_size(source)} of {found.where}{_estimate(found)}")
        return
    in_place.annotations_of(session, name)
    with lock.held(session, name, "restore"):
        remake.finish(session, name)
        swap = in_place.plan(session, name, source)
        _say_runs(session, name, _runs_now(session, name, source))
        done = in_place.execute(session, name, swap, source)
    _tell(swap, name, form, f"{name} holds {_held(source, done.filled)}", done)


def _restore_member(session: Session, source: Source, pod: str, *, form: str, dry_run: bool, accept_loss: bool) -> None:
    from mysqlops.operations import lock, restore_member

    name, found = _cluster_of("--member", pod), source.backup
    answer = {"backup": found.id, "member": pod}
    _say_runs(session, name, _runs_now(session, name, source))
    if dry_run:
        restore_member.check(session, name, pod, found, accept_loss=accept_loss)
        output.result(answer, form, f"would delete the data of {pod} and put {_size(source)} there{_estimate(found)}")
        return
    with lock.held(session, name, "restore"):
        restore_member.execute(session, name, pod, found, source.target, accept_loss=accept_loss)
    output.result(answer, form, f"{pod} began with {found.id} and holds what the group holds")


def _revert(session: Session, name: str, *, form: str, dry_run: bool) -> None:
    from mysqlops.operations import in_place, lock, remake

    if dry_run:
        _show(in_place.plan_revert(session, name), name, form, "what was before the last restore")
        return
    in_place.annotations_of(session, name)
    with lock.held(session, name, "restore"):
        remake.finish(session, name)
        swap = in_place.plan_revert(session, name)
        done = in_place.execute(session, name, swap, None)
    _tell(swap, name, form, f"{name} has the claims {swap.new.claims}-… again", done)


def _show(swap: Swap, name: str, form: str, what: str) -> None:
    from mysqlops.planning import restore as planning

    if form == "table":
        output.say(f"{name} would get {what}; what was written since is only in its claims of now")
    output.show_steps(planning.steps(name, swap), form)


def _tell(swap: Swap, name: str, form: str, text: str, done: Result) -> None:
    answer = {
        "backup": swap.backup or None,
        "kept": done.kept,
        "stopped_seconds": done.stopped_seconds,
        "reached": done.filled.reached,
        "status": done.status.as_json(),
    }
    if done.stopped_seconds is None:
        text += "; a run before this one had made the change"
    else:
        text += f"; it had no primary for {done.stopped_seconds:.0f} s"
    text += f"; kept: {', '.join(done.kept) or 'no claim'}"
    if not swap.abandons:
        text += f"; mysqlops restore --revert {name} goes back"
    output.result(answer, form, text)


def _held(source: Source, filled: Filled) -> str:
    """What was compared, not what the repository says of itself."""
    from mysqlops.planning import backup_progress

    text = f"{source.backup.id}: {filled}, as of {source.backup.at}"
    if not source.to:
        return text
    told = backup_progress.reached(filled.reached) if filled.reached else ""
    return f"{text}, {told or f'brought to {source.to} by a run before this one'}"


def _size(source: Source) -> str:
    text = f"{source.backup.id} ({quantity.format_bytes(source.backup.size)}, {source.backup.at})"
    return f"{text} brought to {source.to}" if source.to else text


def _estimate(found: Backup) -> str:
    seconds = found.verified.seconds if found.verified else 0.0
    return f"; fetching and starting it took {seconds:.0f} s when it was verified" if seconds else ""
