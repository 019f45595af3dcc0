"""Faults of one pod's network, made by packet filters inside it: cut off, parted from the other members, or lossy.

Rules are in the pod's own INPUT and OUTPUT chains, so they work with any network plugin, and vanish with the pod. They
are added and removed atomically (iptables-restore), and carry the drill's mark. Kubelet on the same node is spared, and
so are the clients of the minority.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from mysqlops.core.typed import Json
from mysqlops.drill.model import BY_ITSELF, NODE, REPLICA, About
from mysqlops.drill.plan import filters, objects
from mysqlops.drill.reach import nodes
from mysqlops.drill.reach.nodes import Command
from mysqlops.drill.scene import Facts, Fault, Scene

_MARK = "mysqlops-drill"
_EVERY = 4  # one in so many packets is lost


def _cut(scene: Scene) -> Facts:
    """Cut off from everything except its own node's kubelet and clients."""
    own, member = scene.must_have_nodes(), scene.pod()
    facts = _facts(scene, member)
    routes = own.output(nodes.in_network_of(own, scene.node, facts["pod"], "cat", "/proc/net/route"))
    near = [*_addresses(member, "hostIP"), *filters.gateways(routes)]
    for pod in scene.session.client.list("Pod", objects.selector(scene.name)):
        if pod["spec"].get("nodeName") == scene.node:
            near += _addresses(pod, "podIP")
    return {**facts, "spared": sorted(set(near))}


def _part(scene: Scene) -> Facts:
    """Cut off from the other members only: clients and the API server still reach both sides."""
    peers = [address for member in scene.others() for address in _addresses(scene.pod(member), "podIP")]
    return {**_facts(scene, scene.pod()), "peers": peers}


def _lose(scene: Scene) -> Facts:
    """Drops some packets in each direction."""
    return {**_facts(scene, scene.pod()), "every": _EVERY}


def _facts(scene: Scene, pod: Json) -> Facts:
    scene.must_have_nodes()
    versions = sorted({ip_address(address).version for address in _addresses(pod, "podIP")})
    return {"node": scene.node, "pod": pod["metadata"]["uid"], "versions": versions}


def _addresses(pod: Json, kind: str) -> list[str]:
    """One address of each family; API servers before 1.28 report only one address of a host."""
    status = pod["status"]
    return [str(address["ip"]) for address in status.get(f"{kind}s") or [{"ip": status[kind]}]]


def _commands(scene: Scene, facts: Facts, verb: str) -> list[Command]:
    own = scene.must_have_nodes()
    made = filters.Filter(_mark(scene), facts.get("peers", ()), facts.get("spared", ()), int(facts.get("every", 1)))
    return [
        nodes.filter_in(own, facts["node"], facts["pod"], program, made.lines(verb, version))
        for version, program in filters.PROGRAMS.items()
        if version in facts["versions"]
    ]


def _mark(scene: Scene) -> str:
    return f"{_MARK}-{scene.name}"


def _inject(scene: Scene, facts: Facts) -> None:
    nodes.run(scene.must_have_nodes(), _commands(scene, facts, "-I"))


def _undo(scene: Scene, facts: Facts) -> list[Command]:
    return _commands(scene, facts, "-D")


def _is_healed(scene: Scene, facts: Facts) -> bool:
    """The rules vanish with their pod."""
    own, pod = scene.must_have_nodes(), scene.session.client.find("Pod", scene.target)
    if pod is None or pod["metadata"]["uid"] != facts["pod"]:
        return True
    programs = [program for version, program in filters.PROGRAMS.items() if version in facts["versions"]]
    listed = [nodes.in_network_of(own, facts["node"], facts["pod"], program, "--wait", "-S") for program in programs]
    return not any(_mark(scene) in own.output(command) for command in listed)


def _fault(about: About, prepare: Callable[[Scene], Facts]) -> Fault:
    return Fault(about, _inject, prepare=prepare, is_healed=_is_healed, undo=_undo)


FAULTS = (
    _fault(
        About(
            "isolate-primary",
            "the primary's pod is cut off from all but its own node for 20 s",
            "{target} for {seconds} s; {others} expel it and elect a primary; clients on its own node still reach it",
            needs=NODE,
            undone=BY_ITSELF,
            lasts=20,
            has_minority=True,
        ),
        _cut,
    ),
    _fault(
        About(
            "isolate-replica",
            "a replica's pod is cut off from all but its own node for 15 s",
            "{target} for {seconds} s; writes wait until the group has removed it",
            aim=REPLICA,
            needs=NODE,
            undone=BY_ITSELF,
            lasts=15,
        ),
        _cut,
    ),
    _fault(
        About(
            "partition",
            "the primary is parted from the two other members for 20 s; clients reach all three",
            "{target} alone against {others} for {seconds} s; the API server and clients reach both sides",
            needs=NODE,
            undone=BY_ITSELF,
            lasts=20,
            has_minority=True,
        ),
        _part,
    ),
    _fault(
        About(
            "slow-network",
            "every fourth packet to and from the primary's pod is lost for 20 s",
            "{target} for {seconds} s; writes are slow, and the group may elect another primary",
            needs=NODE,
            undone=BY_ITSELF,
            lasts=20,
        ),
        _lose,
    ),
)
