"""Every fault is healed: by this process, by the planted undoing, or by any process that reads the record."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from mysqlops import errors
from mysqlops.core import instant
from mysqlops.drill import record, signals
from mysqlops.drill.model import Record
from mysqlops.drill.reach import nodes
from mysqlops.drill.scene import Drill, Facts, Fault, Scene
from mysqlops.operations import marked, waiting

_HEAL_SECONDS = 90.0
_POLL_SECONDS = 0.3
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def broken(drill: Drill, scene: Scene) -> Iterator[Facts]:
    """The fault of the block is healed at its end, by this process or, if that dies, by the planted undoing."""
    facts = drill.fault.prepare(scene)
    facts["token"] = secrets.token_hex(8)
    now = drill.session.clock.now()
    until = now + timedelta(seconds=scene.deadline_seconds)
    made = Record(
        fault=drill.fault.about.name,
        since=instant.text(now),
        by=drill.by,
        target=scene.target,
        deadline=instant.text(until),
        node_pods=scene.nodes.namespace if scene.nodes else "",
        facts=facts,
    )
    record.write(drill.session, drill.name, made)
    if drill.fault.undo is not None:
        scene.must_have_nodes().plant(drill.fault.undo(scene, facts), scene.deadline_seconds, facts["token"])
    try:
        yield facts
    finally:
        with signals.handled(_SIGNALS, signal.SIG_IGN):  # a second Ctrl-C must not leave the fault in place
            heal(drill.fault, scene, facts)
            record.write(drill.session, drill.name, replace(made, facts={}, deadline=""))


def heal(fault: Fault, scene: Scene, facts: Facts) -> None:
    """Retries until the fault is healed; raises StepFailed if that fails. Harmless if it was healed before."""
    patience, trouble = waiting.Patience(scene.session, _HEAL_SECONDS), ""
    while True:
        try:
            if fault.undo is None:
                fault.heal(scene, facts)
            else:
                nodes.try_to(scene.must_have_nodes(), fault.undo(scene, facts))
            if fault.is_healed(scene, facts):
                break
            trouble = "it is still in effect"
        except errors.MysqlopsError as error:
            if isinstance(error, errors.Refused) and marked.CODE in {reason.code for reason in error.reasons}:
                raise  # no retry makes it ours
            trouble = str(error)
        if patience.is_over():
            text = f"{fault.about.name} on {scene.target} could not be undone: {trouble}"
            raise errors.StepFailed(text, hint=f"mysqlops drill abort {scene.name}")
        patience.sleep(waiting.Pending(f"{fault.about.name} on {scene.target} to be undone: {trouble}"), _POLL_SECONDS)
    if "token" in facts and fault.undo is not None:
        scene.must_have_nodes().pull(facts["token"])
