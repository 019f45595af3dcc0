"""Verbs on the repository of backups, and those that lose or bring back a whole cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mysqlops.core import names, retention
from mysqlops.operations import backup as backups
from mysqlops.operations import (
    data_version,
    delete,
    deploy,
    doctor,
    image_check,
    observe,
    pruning,
    rehearsal,
    restore,
    signing,
    targets,
    upgrade,
)
from mysqlops.operations.session import Session
from mysqlops.planning import restore as planning

if TYPE_CHECKING:
    from tests.simulation.verbs import Command, Verbs

_TRUST = signing.Trust(accept_unsigned=True)  # the key of a cluster goes with its Secrets


def _purge(verbs: Verbs, session: Session, command: Command) -> None:
    """What the user has seen and confirmed: all that there is by then."""
    world = verbs.world
    with verbs.changing(session, command):
        plan = delete.plan(session.client, world.name, purge_data=True)
        command.may_delete = {step.uid for step in plan.steps}
        delete.execute(session, world.name, plan)


def _lose_everything(verbs: Verbs, session: Session, command: Command) -> None:
    """Without --purge-data; then the volumes are lost, and somebody deletes their claims."""
    world = verbs.world
    with verbs.changing(session, command):
        delete.execute(session, world.name, delete.plan(session.client, world.name, purge_data=False))
    for claim in observe.own_claims(session.client, world.name):
        world.ledger.give_up(claim["metadata"]["uid"])
        world.ledger.by_hand.add(claim["metadata"]["uid"])
        world.api.delete("PersistentVolumeClaim", claim["metadata"]["name"])


def _restore_as(verbs: Verbs, session: Session, command: Command) -> None:
    """Under the name that the cluster had. The newest backup, or the one whose restore an earlier run has begun."""
    world = verbs.world
    place = targets.find(session.client, None)
    listed, _ = backups.held(session, place)
    claim = session.client.find("PersistentVolumeClaim", names.claim(world.name, 0))
    begun = planning.aim_of(claim) if claim is not None else None
    filled = claim["metadata"].get("annotations", {}).get(names.ANNOTATION_FILLED) if claim is not None else None
    newest = listed[0].id if listed else "none"
    chosen = backups.pick(listed, place, begun.backup if begun else filled or newest)
    signing.check(chosen, accepted=True)
    spec = world.spec(3)
    spec = replace(spec, image=verbs.image or spec.image)
    restore.check(session, chosen, spec)
    spec = image_check.pin(session, spec, restore.check_image(session, chosen, spec))
    restore.execute(session, chosen, place, spec)
    verbs.wanted_replicas = 3
    data_version.note_alone(session, deploy.await_healthy(session, world.name))


def _doctor_fix(verbs: Verbs, session: Session, command: Command) -> None:
    name = verbs.world.name
    if steps := doctor.fixes(session, name, doctor.checks()):
        with verbs.changing(session, command):
            doctor.fix(session, name, steps)


def _backup_create(verbs: Verbs, session: Session, command: Command) -> None:
    place = targets.find(session.client, None)
    backups.create(session, verbs.world.name, backups.Request(place))


def _backup_verify(verbs: Verbs, session: Session, command: Command) -> None:
    existing = [*verbs.world.jobs.backups]
    place = targets.find(session.client, None)
    found = backups.trusted(session, place, existing[-1 - command.who % len(existing)] if existing else "none", _TRUST)
    backups.verify(session, verbs.world.name, place, found)


def _backup_delete(verbs: Verbs, session: Session, command: Command) -> None:
    """One of the oldest."""
    existing = [*verbs.world.jobs.backups]
    place = targets.find(session.client, None)
    pruning.delete(session, place, existing[command.who % len(existing)] if existing else "none")


def _backup_prune(verbs: Verbs, session: Session, command: Command) -> None:
    with verbs.changing(session, command):
        place = targets.find(session.client, None)
        pruning.prune(session, verbs.world.name, place, retention.Policy(last=1 + command.who % 2))


def _rehearse(verbs: Verbs, session: Session, command: Command) -> None:
    name = verbs.world.name
    running = observe.must_run(session.client, name)
    spec = upgrade.wanted_spec(running, {"image": "mysql:9.7.5"})
    what = rehearsal.plan(session, name, running, spec, rehearsal.Request(trust=_TRUST))
    rehearsal.check(what, rehearsal.execute(session, name, what))


BACKUPS: Mapping[str, Callable[[Verbs, Session, Command], None]] = {
    "purge": _purge,
    "lose-everything": _lose_everything,
    "restore-as": _restore_as,
    "doctor-fix": _doctor_fix,
    "backup-create": _backup_create,
    "backup-verify": _backup_verify,
    "backup-delete": _backup_delete,
    "backup-prune": _backup_prune,
    "rehearse": _rehearse,
}
