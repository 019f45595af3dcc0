"""Faults of whole nodes, as the lab can cause them."""

from __future__ import annotations

from collections.abc import Callable

from mysqlops.drill.model import BY_ITSELF, EVERYBODY, LAB, About
from mysqlops.drill.reach import nodes
from mysqlops.drill.reach.nodes import Command
from mysqlops.drill.scene import Facts, Fault, Scene


def _of_target(scene: Scene) -> Facts:
    scene.must_have_lab()
    return {"nodes": [scene.node]}


def _of_all(scene: Scene) -> Facts:
    return {"nodes": list(scene.must_have_lab().nodes)}


def _to(verb: str) -> Callable[[Scene, Facts], list[Command]]:
    return lambda scene, facts: [scene.must_have_lab().node(verb, node) for node in facts["nodes"]]


def _do(verb: str) -> Callable[[Scene, Facts], None]:
    return lambda scene, facts: nodes.run(scene.must_have_lab(), _to(verb)(scene, facts))


def _cut_power(scene: Scene, _: Facts) -> None:
    own = scene.must_have_lab()
    own.output(own.kill_all())


def _is_healed(scene: Scene, facts: Facts) -> bool:
    own, form = scene.must_have_lab(), "{{.State.Status}}"
    states = [own.output(own.inspect(node, form)).strip() for node in facts["nodes"]]
    return set(states) == {"running"}


FAULTS = (
    Fault(
        About(
            "node-loss",
            "the primary's node is killed, and started again after 12 s",
            "all pods on the node of {target}, for {seconds} s and the time that the node takes to start",
            needs=LAB,
            undone=BY_ITSELF,
            lasts=12,
            on_node=True,
        ),
        _do("stop"),
        prepare=_of_target,
        is_healed=_is_healed,
        undo=_to("start"),
    ),
    Fault(
        About(
            "node-freeze",
            "the primary's node is frozen for 14 s, then continues",
            "all pods on the node of {target} for {seconds} s",
            needs=LAB,
            undone=BY_ITSELF,
            lasts=14,
            has_minority=True,
            on_node=True,
        ),
        _do("freeze"),
        prepare=_of_target,
        is_healed=_is_healed,
        undo=_to("thaw"),
    ),
    Fault(
        About(
            "all-nodes",
            "all nodes are killed at once, the control plane among them, and started again",
            "everything",
            aim=EVERYBODY,
            needs=LAB,
            undone=BY_ITSELF,
        ),
        _cut_power,
        prepare=_of_all,
        is_healed=_is_healed,
        undo=_to("start"),
    ),
)
