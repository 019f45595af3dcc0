"""Faults of one pod's network, made by packet filters on its node: cut off, parted from the other members, or lossy.

Rules stand in the node's FORWARD chain, where a pod's packets have its own address on them; they bear the drill's mark,
so that undoing removes just these. Pods of the same node are still reached: they are the clients of the minority.
"""

from __future__ import annotations

from mysqlops.core.drill import LAB, REPLICA, About
from mysqlops.operations.drill import lab
from mysqlops.operations.drill.scene import Facts, Fault, Scene

_MARK = "mysqlops-drill"
_EVERY = 4  # of so many packets one is lost
_OUTSIDE = "eth0"  # the device by which the lab's nodes see each other


def _cut(scene: Scene) -> Facts:
    """From everything beyond its node, and from members on it."""
    own = scene.pod()["status"]["podIP"]
    rules = [f"-s {own} -o {_OUTSIDE}", f"-d {own} -i {_OUTSIDE}", *_pairs(scene, own)]
    return _facts(scene, rules, "")


def _part(scene: Scene) -> Facts:
    """From the other members only: clients and the API server still reach both sides."""
    return _facts(scene, _pairs(scene, scene.pod()["status"]["podIP"]), "")


def _lose(scene: Scene) -> Facts:
    """Some packets of each direction."""
    own = scene.pod()["status"]["podIP"]
    chance = f"-m statistic --mode nth --every {_EVERY} --packet 0"
    return _facts(scene, [f"-s {own} -o {_OUTSIDE}", f"-d {own} -i {_OUTSIDE}"], chance)


def _pairs(scene: Scene, own: str) -> list[str]:
    others = [scene.pod(member)["status"]["podIP"] for member in scene.others()]
    return [rule for other in others for rule in (f"-s {own} -d {other}", f"-s {other} -d {own}")]


def _facts(scene: Scene, rules: list[str], chance: str) -> Facts:
    own, node = scene.must_have_lab(), scene.node
    whole = [f"{rule} {chance} -m comment --comment {_MARK}-{scene.name} -j DROP" for rule in rules]
    undo = [own.inside(node, f"iptables -w -D FORWARD {rule}") for rule in whole]
    return {"node": node, "rules": whole, "undo": undo, "mark": f"{_MARK}-{scene.name}"}


def _inject(scene: Scene, facts: Facts) -> None:
    own = scene.must_have_lab()
    lab.run([own.inside(facts["node"], f"iptables -w -I FORWARD {rule}") for rule in facts["rules"]])


def _heal(_: Scene, facts: Facts) -> None:
    lab.try_to(facts["undo"])


def _is_healed(scene: Scene, facts: Facts) -> bool:
    return facts["mark"] not in lab.output(scene.must_have_lab().inside(facts["node"], "iptables -w -S FORWARD"))


FAULTS = (
    Fault(
        About(
            "isolate-primary",
            "the primary's pod is cut from the network of its node for 20 s",
            "{target} for {seconds} s; {others} expel it and elect a primary; clients on its own node still reach it",
            needs=LAB,
            lasts=20,
            has_minority=True,
        ),
        _inject,
        prepare=_cut,
        heal=_heal,
        is_healed=_is_healed,
    ),
    Fault(
        About(
            "isolate-replica",
            "a replica's pod is cut from the network of its node for 15 s",
            "{target} for {seconds} s; writes wait until the group has removed it",
            aim=REPLICA,
            needs=LAB,
            lasts=15,
        ),
        _inject,
        prepare=_cut,
        heal=_heal,
        is_healed=_is_healed,
    ),
    Fault(
        About(
            "partition",
            "the primary is parted from the two other members for 20 s; clients reach all three",
            "{target} alone against {others} for {seconds} s; the API server and clients reach both sides",
            needs=LAB,
            lasts=20,
            has_minority=True,
        ),
        _inject,
        prepare=_part,
        heal=_heal,
        is_healed=_is_healed,
    ),
    Fault(
        About(
            "slow-network",
            "every fourth packet to and from the primary's pod is lost for 20 s",
            "{target} for {seconds} s; writes are slow, and the group may elect another primary",
            needs=LAB,
            lasts=20,
        ),
        _inject,
        prepare=_lose,
        heal=_heal,
        is_healed=_is_healed,
    ),
)
