"""Faults of the API server: the database has to go on without it."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core.drill import BY_ITSELF, LAB, NOBODY, About
from mysqlops.operations.drill import nodes
from mysqlops.operations.drill.nodes import Command
from mysqlops.operations.drill.scene import Facts, Fault, Scene


def _facts(scene: Scene) -> Facts:
    return {"pids": scene.must_have_lab().api_server()}


def _with_mysqld(scene: Scene) -> Facts:
    """The primary's mysqld is found before nobody can be asked any more."""
    own = scene.must_have_lab()
    return {**_facts(scene), "mysqld": nodes.mysqld(own, scene.node, scene.pod()["metadata"]["uid"])}


def _inject(scene: Scene, facts: Facts) -> None:
    own = scene.must_have_lab()
    own.output(nodes.send(own, own.control_plane, "-STOP", facts["pids"]))
    if "mysqld" in facts:
        own.output(nodes.send(own, scene.node, "-KILL", facts["mysqld"]))


def _undo(scene: Scene, facts: Facts) -> list[Command]:
    own = scene.must_have_lab()
    return [nodes.send(own, own.control_plane, "-CONT", facts["pids"])]


def _is_healed(scene: Scene, _: Facts) -> bool:
    try:
        return bool(scene.session.client.version())
    except errors.KubeError:
        return False


FAULTS = (
    Fault(
        About(
            "api-server-loss",
            "the API server stands still for 14 s",
            "everybody who needs the API server, for {seconds} s; clients of the database should notice nothing",
            aim=NOBODY,
            needs=LAB,
            undone=BY_ITSELF,
            lasts=14,
        ),
        _inject,
        prepare=_facts,
        is_healed=_is_healed,
        undo=_undo,
    ),
    Fault(
        About(
            "kill-mysqld-without-api",
            "the primary's mysqld is killed while the API server stands still for 14 s",
            "mysqld of {target}; {others} elect a primary, and no label follows before the API server is back",
            needs=LAB,
            undone=BY_ITSELF,
            lasts=14,
        ),
        _inject,
        prepare=_with_mysqld,
        is_healed=_is_healed,
        undo=_undo,
    ),
)
