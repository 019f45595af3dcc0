"""Undo a killed drill, and remove its remains."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from mysqlops import errors
from mysqlops.core import instant
from mysqlops.drill import faults, healing, record
from mysqlops.drill.clients import fleet, rows
from mysqlops.drill.model import Record
from mysqlops.drill.reach import lab, node_pods
from mysqlops.drill.reach.nodes import Nodes
from mysqlops.drill.scene import Scene
from mysqlops.operations import lock, observe, waiting
from mysqlops.operations.session import Session

T = TypeVar("T")
_LOCK_SECONDS = 25.0


def execute(session: Session, name: str, image: str) -> Record | None:
    """Undo a drill's fault, and remove its remains. None: no drill was open. The image is for pods that reach nodes.

    Raises OperationLocked if the drill still runs: it heals by itself. Raises Refused where nothing can be undone.
    """
    return _locked(session, name, lambda: _abort(session, name, image))


def _abort(session: Session, name: str, image: str) -> Record | None:
    """Reads the record itself, since its caller waited for the lock: another abort may have removed it meanwhile."""
    found = record.read(session.client, name)
    if found is None:
        clean(session, name, None)
        return None
    if found.fault not in faults.FAULTS:
        text = f"this mysqlops cannot read what the drill of {found.fault} by {found.by} broke"
        hint = f"run the abort with the release that ran the drill; if nothing is broken: {record.removal(name)}"
        raise errors.Refused([errors.Reason("unreadable-drill", text, hint)])
    scene = _scene(session, name, found, image)
    if found.deadline:
        _undo(scene, found)
    clean(session, name, scene.nodes)
    return found


def _undo(scene: Scene, found: Record) -> None:
    session, fault = scene.session, faults.find(found.fault)
    if fault.undo is not None and scene.nodes is None:
        if instant.text(session.clock.now()) <= found.deadline:
            text = f"{found.fault} acts on the lab's nodes, which this machine cannot reach"
            hint = (
                f"mysqlops drill abort {scene.name} where {found.by} ran it; or wait: it is undone at {found.deadline}"
            )
            raise errors.Refused([errors.Reason("needs-lab", text, hint)])
        session.progress.warn(f"{found.fault} undid itself at {found.deadline}; this machine cannot check that")
        return
    session.progress.say(f"undoing {found.fault} on {found.target}")
    try:
        healing.heal(fault, scene, found.facts)
    except errors.Refused as refusal:
        way_out = f"; then, or if it is to stay, end the drill: {record.removal(scene.name)}"
        raise errors.Refused(
            [replace(reason, hint=f"{reason.hint}{way_out}") for reason in refusal.reasons]
        ) from refusal
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise errors.StepFailed(f"the record of {found.fault} is damaged: {error!r}") from error


def _scene(session: Session, name: str, found: Record, image: str) -> Scene:
    """The image comes from us, not from the record, which others can write: its pod is privileged."""
    now, own = observe.judged(session, name), lab.find(session.client)
    cluster, way = fleet.cluster_of(session, now), node_pods.Way(found.node_pods, image)
    nodes = node_pods.choose(session, name, faults.find(found.fault).about, own, way)
    return Scene(session, now, cluster, found.target, own, nodes)


def _locked(session: Session, name: str, act: Callable[[], T]) -> T:
    """A killed drill's lock expires within seconds."""
    patience = waiting.Patience(session, _LOCK_SECONDS)
    while True:
        try:
            with lock.held(session, name, "drill abort"):
                return act()
        except errors.OperationLocked as error:
            if patience.is_over():
                raise
            patience.sleep(waiting.Pending(f"the lock of a killed drill to expire: {error}"), 1)


def clean(session: Session, name: str, nodes: Nodes | None, *, keeps_table: bool = False) -> None:
    """Remove clients, table, pods on nodes and record. The table of a cluster that did not recover is evidence."""
    fleet.remove_all(session, name)
    now = observe.judged(session, name)
    if now.primary is not None and not keeps_table:
        with suppress(errors.MysqlopsError):
            rows.drop(session, now.primary)
    if nodes is not None:
        nodes.remove()
    record.write(session, name, None)
