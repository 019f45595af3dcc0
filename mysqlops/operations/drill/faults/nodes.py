"""Faults of whole nodes, as the lab can make them."""

from __future__ import annotations

from collections.abc import Callable

from mysqlops.core.drill import EVERYBODY, LAB, About
from mysqlops.operations.drill import lab
from mysqlops.operations.drill.scene import Facts, Fault, Scene


def _one(verb: str, undo: str) -> Callable[[Scene], Facts]:
    def prepare(scene: Scene) -> Facts:
        own = scene.must_have_lab()
        return {"do": [own.node(verb, scene.node)], "undo": [own.node(undo, scene.node)], "nodes": [scene.node]}

    return prepare


def _all(scene: Scene) -> Facts:
    own = scene.must_have_lab()
    nodes = lab.output("docker ps -a --filter label=mysqlops-lab=" + own.name + " --format '{{.Names}}'").split()
    return {
        "do": [own.node("stop", node) for node in nodes],
        "undo": [own.node("start", node) for node in sorted(nodes)],
        "nodes": nodes,
    }


def _inject(_: Scene, facts: Facts) -> None:
    lab.run(facts["do"])


def _heal(_: Scene, facts: Facts) -> None:
    lab.try_to(facts["undo"])


def _is_healed(_: Scene, facts: Facts) -> bool:
    states = [lab.output(f"docker inspect -f '{{{{.State.Status}}}}' {node}").strip() for node in facts["nodes"]]
    return set(states) == {"running"}


FAULTS = (
    Fault(
        About(
            "node-loss",
            "the primary's node is killed, and started again after 12 s",
            "all pods on the node of {target}, for {seconds} s and the time that the node takes to start",
            needs=LAB,
            lasts=12,
            on_node=True,
        ),
        _inject,
        prepare=_one("stop", "start"),
        heal=_heal,
        is_healed=_is_healed,
    ),
    Fault(
        About(
            "node-freeze",
            "the primary's node stands still for 14 s, then goes on",
            "all pods on the node of {target} for {seconds} s",
            needs=LAB,
            lasts=14,
            has_minority=True,
            on_node=True,
        ),
        _inject,
        prepare=_one("freeze", "thaw"),
        heal=_heal,
        is_healed=_is_healed,
    ),
    Fault(
        About(
            "all-nodes",
            "all nodes are killed at once, the control plane among them, and started again",
            "everything",
            aim=EVERYBODY,
            needs=LAB,
        ),
        _inject,
        prepare=_all,
        heal=_heal,
        is_healed=_is_healed,
    ),
)
