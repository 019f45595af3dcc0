"""Verbs on what a cluster has besides its members: settings, certificates, Services, volumes, schedules, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.core import cluster_file, exposure, names, ordered, target, timeline
from mysqlops.core.spec import DEFAULT_AGENT_IMAGE
from mysqlops.core.typed import Json
from mysqlops.objects import exposed
from mysqlops.objects import schedule as cron_jobs
from mysqlops.operations import cluster_file as files
from mysqlops.operations import (
    configure,
    expose,
    in_place,
    observe,
    remake,
    restore_member,
    rollout,
    schedule,
    storage,
    timeline_notes,
    tls,
    unproven,
    users,
)
from mysqlops.operations.session import Session
from tests.simulation import server_settings

if TYPE_CHECKING:
    from tests.simulation.verbs import Command, Verbs

_LIMITS = rollout.Limits(60.0)
_TARGET = target.Target("there", "s3:https://storage.example.com/backups", target.DEFAULT_IMAGE)


def target_secret() -> Json:
    """The target of backups that there is; nothing is written to it."""
    return target.make_secret(_TARGET, "secret", {})


def service_of(who: int) -> str:
    return f"outside-{who % 2}"


def _config_set(
    verbs: Verbs, session: Session, command: Command, *, static: bool = False, shuts_out: bool = False
) -> None:
    wanted: dict[str, str | None] = {server_settings.LIVE: str(2 + command.who)}
    if command.who == 1:
        wanted[server_settings.ALSO_LIVE] = "100"
    if command.who == 0:
        wanted[server_settings.ALSO_LIVE] = None
    if static:
        wanted[server_settings.STATIC] = str(5 + command.who)
    if shuts_out:
        wanted[server_settings.SHUTS_OUT] = server_settings.BROKEN
    _configure(verbs, session, command, wanted)


def _config_revert(verbs: Verbs, session: Session, command: Command) -> None:
    _configure(verbs, session, command, None)


def _configure(verbs: Verbs, session: Session, command: Command, wanted: Mapping[str, str | None] | None) -> None:
    """None: revert."""
    name = verbs.world.name
    with verbs.changing(session, command):
        unproven.settle(session, name)
        running = observe.must_run(session.client, name)
        spec = configure.reverted(running) if wanted is None else configure.with_settings(running, wanted)
        change = configure.plan(session, name, running, spec, again=wanted or {})
        configure.execute(session, name, change, _LIMITS)


def _config_settle(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        unproven.settle(session, verbs.world.name)


def _rotate_tls(verbs: Verbs, session: Session, command: Command, stage: str) -> None:
    with verbs.changing(session, command):
        tls.rotate(session, verbs.world.name, stage)


def _rotate_users(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        users.rotate(session, verbs.world.name)


def _finish_users(verbs: Verbs, session: Session, command: Command) -> None:
    """The user has given the applications what NAME-app holds, as the help says."""
    with verbs.changing(session, command):
        if verbs.world.accounts is not None:
            verbs.world.accounts.take_to_clients()
        users.finish(session, verbs.world.name)


def _expose(verbs: Verbs, session: Session, command: Command) -> None:
    role = names.ROLE_PRIMARY if command.who else names.ROLE_REPLICA
    hostname = f"db{command.who}.example.com" if command.who else ""
    kind = exposure.TYPES[command.who % 2]
    request = exposed.Request(service_of(command.who), kind, role, ("203.0.113.0/24",), hostname=hostname)
    with verbs.changing(session, command):
        expose.expose(session, verbs.world.name, request.check(verbs.world.name), wait=kind == "LoadBalancer")


def _unexpose(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        expose.remove(session, verbs.world.name, service_of(command.who))


def _resize(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        remake.finish(session, verbs.world.name)
        change = storage.plan(session, verbs.world.name, f"{20 + 10 * command.who}Gi", by_rebuild=False)
        storage.execute(session, verbs.world.name, change)


def _schedule(verbs: Verbs, session: Session, command: Command) -> None:
    request = cron_jobs.Request(f"{command.who} 3 * * *", "0 5 * * 0", _TARGET.name)
    with verbs.changing(session, command):
        schedule.put(session, verbs.world.name, request)


def _unschedule(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        schedule.remove(session, verbs.world.name)


def _apply(verbs: Verbs, session: Session, command: Command) -> None:
    """A file that differs from what runs in several ways; `apply` takes the lock for each verb."""
    replicas = (3, 5, 3)[command.who]
    spec = [f"replicas: {replicas}", f"settings: {{{server_settings.LIVE}: {7 + command.who}}}"]
    if command.who:
        spec.append(f"storage: {{size: {30 + 10 * command.who}Gi}}")
    if command.who == 1:
        spec.append(f"backup: {{schedule: {{target: {_TARGET.name}, cron: '0 3 * * *'}}}}")
    text = "\n  ".join(("spec:", *spec))
    head = f"apiVersion: mysqlops/v1\nkind: Cluster\nmetadata: {{name: {verbs.world.name}}}\n"
    entries = [files.Entry(session, one) for one in cluster_file.parse(head + text, "the user's file")]
    image = verbs.world.spec(replicas).image
    file = files.File(entries, files.Defaults(image, DEFAULT_AGENT_IMAGE, target.DEFAULT_IMAGE, insecure_http=False))
    shown = file.preview()
    verbs.wanted_replicas = replicas
    file.execute(shown)


def _restore_member(verbs: Verbs, session: Session, command: Command) -> None:
    """The newest backup, or the one that an earlier run has begun to put there, as the refusal says."""
    name, pod, jobs = verbs.world.name, verbs.member(command), verbs.world.jobs
    begun = ordered.filling(_notes(verbs)).get(pod, "")
    chosen = jobs.find(begun) if begun else jobs.newest()
    with verbs.changing(session, command):
        if chosen is None:
            raise errors.StorageError("there is no such backup")
        restore_member.execute(session, name, pod, chosen, _TARGET, accept_loss=False)


def _notes(verbs: Verbs) -> dict[str, str]:
    lease = verbs.world.find("Lease", names.group_lease(verbs.world.name)) or {"metadata": {}}
    return lease["metadata"].get("annotations") or {}


def _restore_in_place(verbs: Verbs, session: Session, command: Command) -> None:
    """The newest backup, or the one whose restore an earlier run has begun, as the refusal says."""
    name, jobs = verbs.world.name, verbs.world.jobs
    begun = timeline.swap_of(timeline_notes.newest(session.client, name))
    chosen = jobs.find(begun.backup) if begun and begun.backup else jobs.newest()
    with verbs.changing(session, command):
        if chosen is None:
            raise errors.StorageError("there is no such backup", hint="mysqlops restore --revert")
        remake.finish(session, name)
        source = in_place.Source(chosen, _TARGET)
        in_place.execute(session, name, in_place.plan(session, name, source), source)


def _revert(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        remake.finish(session, verbs.world.name)
        in_place.execute(session, verbs.world.name, in_place.plan_revert(session, verbs.world.name), None)


MORE: Mapping[str, Callable[[Verbs, Session, Command], None]] = {
    "config-set": _config_set,
    "config-set-static": partial(_config_set, static=True),
    "config-shut-out": partial(_config_set, shuts_out=True),
    "config-shut-out-static": partial(_config_set, static=True, shuts_out=True),
    "config-revert": _config_revert,
    "config-settle": _config_settle,
    "rotate-certificate": partial(_rotate_tls, stage="certificate"),
    "new-ca": partial(_rotate_tls, stage="ca"),
    "drop-old-ca": partial(_rotate_tls, stage="drop"),
    "rotate-users": _rotate_users,
    "finish-users": _finish_users,
    "expose": _expose,
    "unexpose": _unexpose,
    "resize": _resize,
    "schedule": _schedule,
    "unschedule": _unschedule,
    "apply": _apply,
    "restore-member": _restore_member,
    "restore-in-place": _restore_in_place,
    "revert": _revert,
}
