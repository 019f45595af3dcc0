"""Faults of one pod's network, made by packet filters on its node: cut off, parted from the other members, or lossy.

Rules stand in the node's FORWARD chain, where a pod's packets have its own address on them; they bear the drill's mark,
so that undoing removes just these. Pods of the same node are still reached: they are the clients of the minority.
"""

from __future__ import annotations

from ipaddress import ip_address

from mysqlops.core.drill import BY_ITSELF, LAB, REPLICA, About
from mysqlops.operations.drill import lab
from mysqlops.operations.drill.lab import Command
from mysqlops.operations.drill.scene import Facts, Fault, Scene

_MARK = "mysqlops-drill"
_EVERY = 4  # of so many packets one is lost
_OUTSIDE = "eth0"  # the device by which the lab's nodes see each other


def _cut(scene: Scene) -> Facts:
    """From everything beyond its node, and from members on it."""
    own = _address(scene)
    return _facts(scene, [(own, _OUTSIDE), (_OUTSIDE, own), *_pairs(scene, own)])


def _part(scene: Scene) -> Facts:
    """From the other members only: clients and the API server still reach both sides."""
    return _facts(scene, _pairs(scene, _address(scene)))


def _lose(scene: Scene) -> Facts:
    """Some packets of each direction."""
    own = _address(scene)
    return _facts(scene, [(own, _OUTSIDE), (_OUTSIDE, own)], every=_EVERY)


def _address(scene: Scene, member: str = "") -> str:
    return str(scene.pod(member)["status"]["podIP"])


def _pairs(scene: Scene, own: str) -> list[tuple[str, str]]:
    others = [_address(scene, member) for member in scene.others()]
    return [pair for other in others for pair in ((own, other), (other, own))]


def _facts(scene: Scene, pairs: list[tuple[str, str]], every: int = 1) -> Facts:
    scene.must_have_lab()
    return {"node": scene.node, "pairs": [list(pair) for pair in pairs], "every": every}


def _commands(scene: Scene, facts: Facts, verb: str) -> list[Command]:
    own, every = scene.must_have_lab(), int(facts["every"])
    chance = ["-m", "statistic", "--mode", "nth", "--every", every, "--packet", 0] if every > 1 else []
    marked = ["-m", "comment", "--comment", _mark(scene), "-j", "DROP"]
    return [
        own.inside(facts["node"], "iptables", "-w", verb, "FORWARD", *_match(*pair), *chance, *marked)
        for pair in facts["pairs"]
    ]


def _match(source: str, destination: str) -> list[str]:
    if source == _OUTSIDE:
        return ["-d", str(ip_address(destination)), "-i", _OUTSIDE]
    if destination == _OUTSIDE:
        return ["-s", str(ip_address(source)), "-o", _OUTSIDE]
    return ["-s", str(ip_address(source)), "-d", str(ip_address(destination))]


def _mark(scene: Scene) -> str:
    return f"{_MARK}-{scene.name}"


def _inject(scene: Scene, facts: Facts) -> None:
    lab.run(_commands(scene, facts, "-I"))


def _undo(scene: Scene, facts: Facts) -> list[Command]:
    return _commands(scene, facts, "-D")


def _is_healed(scene: Scene, facts: Facts) -> bool:
    return _mark(scene) not in lab.output(
        scene.must_have_lab().inside(facts["node"], "iptables", "-w", "-S", "FORWARD")
    )


FAULTS = (
    Fault(
        About(
            "isolate-primary",
            "the primary's pod is cut from the network of its node for 20 s",
            "{target} for {seconds} s; {others} expel it and elect a primary; clients on its own node still reach it",
            needs=LAB,
            undone=BY_ITSELF,
            lasts=20,
            has_minority=True,
        ),
        _inject,
        prepare=_cut,
        is_healed=_is_healed,
        undo=_undo,
    ),
    Fault(
        About(
            "isolate-replica",
            "a replica's pod is cut from the network of its node for 15 s",
            "{target} for {seconds} s; writes wait until the group has removed it",
            aim=REPLICA,
            needs=LAB,
            undone=BY_ITSELF,
            lasts=15,
        ),
        _inject,
        prepare=_cut,
        is_healed=_is_healed,
        undo=_undo,
    ),
    Fault(
        About(
            "partition",
            "the primary is parted from the two other members for 20 s; clients reach all three",
            "{target} alone against {others} for {seconds} s; the API server and clients reach both sides",
            needs=LAB,
            undone=BY_ITSELF,
            lasts=20,
            has_minority=True,
        ),
        _inject,
        prepare=_part,
        is_healed=_is_healed,
        undo=_undo,
    ),
    Fault(
        About(
            "slow-network",
            "every fourth packet to and from the primary's pod is lost for 20 s",
            "{target} for {seconds} s; writes are slow, and the group may elect another primary",
            needs=LAB,
            undone=BY_ITSELF,
            lasts=20,
        ),
        _inject,
        prepare=_lose,
        is_healed=_is_healed,
        undo=_undo,
    ),
)
