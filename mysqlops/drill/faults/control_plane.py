"""Faults of the API server: the database must keep running without it, and must not trust its stale answers."""

from __future__ import annotations

from collections.abc import Callable

from mysqlops import errors
from mysqlops.drill.model import BY_ITSELF, LAB, NOBODY, About
from mysqlops.drill.plan import filters
from mysqlops.drill.reach import nodes
from mysqlops.drill.reach.nodes import Command
from mysqlops.drill.scene import Facts, Fault, Scene

_PORT, _SECOND_PORT = 443, 6444  # of Service kubernetes; of scripts/labkit/images/node/second-api-entry
_GONE = "gone"


def _facts(scene: Scene) -> Facts:
    return {"pids": scene.must_have_lab().api_server()}


def _with_mysqld(scene: Scene) -> Facts:
    """The primary's mysqld is found while the API server still answers."""
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


def _second_facts(scene: Scene) -> Facts:
    """The second API server is started before the fault, which takes ten seconds; nothing is routed to it yet."""
    own = scene.must_have_lab()
    own.output(own.second_api("start"))
    return {
        "address": own.address(own.control_plane),
        "mysqld": nodes.mysqld(own, scene.node, scene.pod()["metadata"]["uid"]),
        "pods": [
            {"name": member.name, "node": member.node, "uid": scene.pod(member.name)["metadata"]["uid"]}
            for member in scene.status.members
        ],
    }


def _lead_to_second(scene: Scene, facts: Facts) -> None:
    own = scene.must_have_lab()
    own.output(own.second_api("hold"))
    nodes.run(own, _detours(scene, facts, "-I"))
    own.output(nodes.send(own, scene.node, "-KILL", facts["mysqld"]))


def _lead_back(scene: Scene, facts: Facts) -> list[Command]:
    return [*_detours(scene, facts, "-D"), scene.must_have_lab().second_api("stop")]


def _detours(scene: Scene, facts: Facts, verb: str) -> list[Command]:
    lines = filters.detour(_mark(scene), verb, _PORT, facts["address"], _SECOND_PORT)
    own = scene.must_have_lab()
    return [nodes.filter_in(own, pod["node"], pod["uid"], filters.PROGRAMS[4], lines) for pod in facts["pods"]]


def _mark(scene: Scene) -> str:
    return f"mysqlops-drill-{scene.name}"


def _is_led_back(scene: Scene, facts: Facts) -> bool:
    """The rules vanish with their pod."""
    own = scene.must_have_lab()
    if own.output(own.second_api("status")).strip() != _GONE:
        return False
    for pod in facts["pods"]:
        found = scene.session.client.find("Pod", pod["name"])
        if found is not None and found["metadata"]["uid"] == pod["uid"]:
            listed = nodes.in_network_of(own, pod["node"], pod["uid"], f"{filters.PROGRAMS[4]}-save")
            if _mark(scene) in own.output(listed):
                return False
    return True


def _without_api(about: About, prepare: Callable[[Scene], Facts]) -> Fault:
    return Fault(about, _inject, prepare=prepare, is_healed=_is_healed, undo=_undo)


FAULTS = (
    _without_api(
        About(
            "api-server-loss",
            "the API server is frozen for 14 s",
            "everybody who needs the API server, for {seconds} s; clients of the database should notice nothing",
            aim=NOBODY,
            needs=LAB,
            undone=BY_ITSELF,
            lasts=14,
        ),
        _facts,
    ),
    _without_api(
        About(
            "kill-mysqld-without-api",
            "the primary's mysqld is killed while the API server is frozen for 14 s",
            "mysqld of {target}; {others} elect a primary, and no label follows before the API server is back",
            needs=LAB,
            undone=BY_ITSELF,
            lasts=14,
        ),
        _with_mysqld,
    ),
    Fault(
        About(
            "stale-api",
            "the agents' API server lists pods as they were for 30 s, and the primary's mysqld is killed",
            "what the agents of {target}, {others} see of each other for {seconds} s; mysqld of {target}",
            needs=LAB,
            undone=BY_ITSELF,
            lasts=30,
        ),
        _lead_to_second,
        prepare=_second_facts,
        is_healed=_is_led_back,
        undo=_lead_back,
    ),
)
