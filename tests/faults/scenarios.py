"""One fault at a time: inject it, wait until clients write again, undo it, and read what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cluster.conftest import Namespace, eventually
from tests.faults import lab
from tests.faults.ledger import TABLE, Ledger, Outcome

_CONTROL_PLANE = "lab-0"
_WARM_SECONDS = 2.0
_AFTER_SECONDS = 2.0


@dataclass
class Scene:
    """A healthy cluster with writers on it."""

    namespace: Namespace
    status: dict[str, Any]

    @property
    def primary(self) -> str:
        return str(self.status["primary"])

    @property
    def replica(self) -> str:
        """One that is not on the control plane's node, where the main writer and the API server are."""
        others = (one for one in self.status["members"] if one["name"] != self.primary)
        return next(str(one["name"]) for one in others if one["node"] != _CONTROL_PLANE)

    def node_of(self, member: str) -> str:
        return next(str(one["node"]) for one in self.status["members"] if one["name"] == member)

    def uid(self, member: str) -> str:
        return self.namespace.kubectl("get", "pod", member, "-o", "jsonpath={.metadata.uid}")

    def mysqld(self, member: str) -> list[int]:
        return lab.processes(self.node_of(member), "mysqld --defaults-file=/etc/mysqlops/my.cnf", self.uid(member))


Step = Callable[[Scene], None]


@dataclass(frozen=True)
class Fault:
    """What is done, how it is undone, and for how many seconds it lasts at least."""

    name: str
    inject: Step
    heal: Step = lambda _: None
    lasts: float = 0.0
    beside_primary: bool = False  # another writer on the primary's own node, straight to it: the minority's client


def _switchover(scene: Scene) -> None:
    done = scene.namespace.mysqlops("switchover", "mysql")
    assert done.code == 0, done.err


def _delete_pod(scene: Scene) -> None:
    """Returns once the pod is another one: until then the cluster looks as healthy as before."""
    old = scene.uid(scene.primary)
    scene.namespace.kubectl("delete", "pod", scene.primary, "--wait=false")
    words = ("get", "pod", scene.primary, "-o", "jsonpath={.metadata.uid}")
    eventually(lambda: scene.namespace.kubectl(*words, check=False) not in ("", old), "a new pod", 60)


def _kill_mysqld(scene: Scene) -> None:
    lab.signal(scene.node_of(scene.primary), "KILL", scene.mysqld(scene.primary))


def _kill_agent(scene: Scene) -> None:
    node = scene.node_of(scene.primary)
    lab.signal(node, "KILL", lab.processes(node, "agent.pyz run", scene.uid(scene.primary)))


def _of_primary(verb: str) -> Step:
    return lambda scene: lab.node(verb, scene.node_of(scene.primary))


def _of_replica(verb: str) -> Step:
    return lambda scene: lab.node(verb, scene.node_of(scene.replica))


def _delete_all(scene: Scene) -> None:
    pods = [str(one["name"]) for one in scene.status["members"]]
    scene.namespace.kubectl("delete", "pods", *pods, "--grace-period=0", "--force", "--wait=false")


def _all_nodes(verb: str) -> Step:
    def act(_: Scene) -> None:
        for number in range(4):
            lab.node(verb, f"lab-{number}")

    return act


def _api_server(number: str) -> None:
    lab.signal(_CONTROL_PLANE, number, lab.processes(_CONTROL_PLANE, "[k]ube kube-apiserver"))


def _kill_mysqld_without_api(scene: Scene) -> None:
    pids, node = scene.mysqld(scene.primary), scene.node_of(scene.primary)
    _api_server("STOP")
    lab.signal(node, "KILL", pids)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("switchover", _switchover),
        Fault("pod-delete", _delete_pod),
        Fault("kill-mysqld", _kill_mysqld),
        Fault("kill-agent", _kill_agent, lasts=6),
        Fault("node-freeze", _of_primary("freeze"), _of_primary("thaw"), lasts=14, beside_primary=True),
        Fault("node-kill", _of_primary("stop"), _of_primary("start"), lasts=12),
        Fault("isolate-primary", _of_primary("isolate"), _of_primary("heal"), lasts=20, beside_primary=True),
        Fault("isolate-replica", _of_replica("isolate"), _of_replica("heal"), lasts=15),
        Fault("all-pods", _delete_all),
        Fault("all-nodes", _all_nodes("stop"), _all_nodes("start")),
        Fault("kill-mysqld-without-api", _kill_mysqld_without_api, lambda _: _api_server("CONT"), lasts=14),
    )
}


def prepare(namespace: Namespace) -> Scene:
    """A healthy cluster whose primary is not on the control plane's node, where the main writer runs."""
    scene = Scene(namespace, namespace.await_healthy(seconds=240))
    if scene.node_of(scene.primary) == _CONTROL_PLANE:
        _switchover(scene)
        scene = Scene(namespace, namespace.await_healthy())
    namespace.sql(scene.primary, TABLE)
    return scene


def run(namespace: Namespace, fault: Fault) -> Outcome:
    """One round; raises AssertionError if the cluster does not come back whole."""
    scene = prepare(namespace)
    pods = {one["metadata"]["name"]: one["metadata"]["uid"] for one in namespace.objects("pods")}
    namespace.sql(scene.primary, "DELETE FROM app.ledger")
    ledger = Ledger(namespace)
    members = [str(one["name"]) for one in scene.status["members"]]
    polls = [f"{member}.mysql.{namespace.name}.svc" for member in members]
    try:
        ledger.start("main", f"mysql-primary.{namespace.name}.svc", _CONTROL_PLANE, polls=polls)
        if fault.beside_primary:
            beside = f"{scene.primary}.mysql.{namespace.name}.svc"
            ledger.start("beside", beside, scene.node_of(scene.primary), clients=2, timeout=20)
        time.sleep(_WARM_SECONDS)
        since = time.time()
        try:
            fault.inject(scene)
            time.sleep(fault.lasts)
        finally:
            fault.heal(scene)
        eventually(lambda: ledger.acknowledged_since("main", time.time() - 0.5) > 0, "clients write again", 180)
        namespace.await_healthy(seconds=240)
        time.sleep(_AFTER_SECONDS)
        ledger.stop()
        if fault.name == "isolate-replica":
            now = {one["metadata"]["name"]: one["metadata"]["uid"] for one in namespace.objects("pods")}
            assert {name: now[name] for name in members} == {name: pods[name] for name in members}
        time.sleep(1)
        return ledger.check(since, members)
    finally:
        ledger.remove()
