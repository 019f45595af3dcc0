"""Nodes and what runs on them: pods become init containers, a mysqld and an agent; containers that end start again; a
pod that is deleted leaves the group first; data lies on the volume of the claim's UID, whatever becomes of the pod.
"""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mysqlops.agent import credentials
from mysqlops.core import names, ordered, secret_map
from mysqlops.core.typed import Json
from mysqlops.objects import render
from tests.simulation import agents
from tests.simulation.certificates import Folder
from tests.simulation.mysqld import Mysqld
from tests.simulation.scheduler import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

UP, DOWN, FROZEN = "up", "down", "frozen"
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0  # before a container starts again
_REFUSED = "[ERROR] [MY-014061] [InnoDB] Invalid MySQL server downgrade: Cannot downgrade"
_LEAVE_SECONDS = 30.0


@dataclass
class Node:
    """One machine."""

    name: str
    state: str = UP
    skew: float = 0.0  # of its clock, in seconds
    is_cordoned: bool = False


class Backoff:
    """When kubelet starts a container again that has ended: at once, and then after pauses that double, however long it
    ran between; all is forgotten after ten minutes. Contract: kubelet_cases.py."""

    def __init__(self) -> None:
        self._pause, self._at = 0.0, float("-inf")

    def ended(self, now: float) -> float:
        pause = self._pause if now - self._at <= 2 * _LONGEST_PAUSE else 0.0
        self._pause = min(2 * pause or _FIRST_PAUSE, _LONGEST_PAUSE)
        self._at = now + pause
        return self._at


class Containers:
    """One pod as its kubelet runs it."""

    def __init__(self, world: World, pod: Json, claim: Json, volume: Any) -> None:
        self.world, self.name, self.uid = world, pod["metadata"]["name"], pod["metadata"]["uid"]
        self.claim, self.volume, self.node = claim, volume, world.nodes[volume.node]
        self.image = _image(pod, names.CONTAINER_MYSQLD)
        self.server = Mysqld(self.name, f"{self.name}.{world.name}.{world.namespace}.svc", volume, world)
        self.tls = Folder()
        self.config_name, self.my_cnf, self.config_due = _config(pod), "", 0.0
        self.server.files, self.server.my_cnf = self.tls.files, lambda: self.my_cnf
        self.agent: Process | None = None
        self.program: agents.Agent | None = None
        self.group_name = ""
        self.memory: dict[str, str] = {}  # passwords, where a world has some
        self.standing: str | None = None  # in the pod's memory
        self.phase = "init"
        self.due = world.now() + world.random.uniform(0.5, 2.5)
        self.mysqld_restarts = self.agent_restarts = 0
        self.mysqld_due = self.agent_due = 0.0
        self._runs: set[str] = set()  # of its two containers: started, and not yet seen to have ended
        self._backoffs = {name: Backoff() for name in (names.CONTAINER_MYSQLD, names.CONTAINER_AGENT)}
        self.terminating_since: float | None = None
        self.has_left = self.refuses = False
        self.handing_over: Process | None = None
        self.programs: list[Process] = []  # of `kubectl exec`, in the agent's container
        self.is_ready = False
        self.told: tuple[object, ...] = ()

    # --- turns
    def turn(self) -> None:
        if self.node.state != UP:
            return
        if self.terminating_since is not None:
            self._end()
        elif self.phase == "init":
            self._init()
        else:
            self._keep_running()
        self._tell()

    def _init(self) -> None:
        if self.world.now() < self.due:
            return
        is_read = self.group_name and (self.memory or self.world.accounts is None)
        if not is_read and not self._read_secret():
            return
        if self._waits_for_backup():
            return
        if not self.volume.uuid:
            if self._is_added() and not self._peer_answers(names.ordinal_of(self.name)):
                return
            self.volume.uuid = self.world.new_uuid()
            self.world.say(f"{self.name} initialises an empty volume")
            if self.world.accounts is not None:
                self.world.accounts.initialise(self.volume, self.memory)
            self.due = self.world.now() + self.world.random.uniform(0.5, 2.0)
            return
        if not self._mount():
            return
        self.phase = "running"
        self.mysqld_due = self.world.now() + self.world.random.uniform(0.5, 2.0)
        self.agent_due = self.world.now() + self.world.random.uniform(0.1, 1.5)

    def _read_secret(self) -> bool:
        if self.world.api_is_away(self.name):
            return False
        found = self.world.find("Secret", secret_map.secret(self.world.name, secret_map.INTERNAL))
        if found is None:
            return False
        data = found.get("data") or {}
        if not data.get(names.KEY_GROUP_NAME) and self._is_new():
            data = secret_map.encoded(
                {key: self.world.new_uuid() for key in (names.KEY_GROUP_NAME, names.KEY_BACKUP_KEY)}
            )
            self.world.api.merge_patch(
                "Secret", secret_map.secret(self.world.name, secret_map.INTERNAL), {"data": data}
            )
        self.group_name = base64.b64decode(data.get(names.KEY_GROUP_NAME, "")).decode()
        if self.world.accounts is not None:
            self.memory = credentials.of_agent(self.world.accounts.values())
        return bool(self.group_name)

    def _is_new(self) -> bool:
        """As agent/programs.py: whether the cluster has no passwords yet, so that the first member makes them."""
        lease = self.world.find("Lease", names.group_lease(self.world.name))
        notes = lease["metadata"].get("annotations") or {} if lease else {names.ANNOTATION_BOOTSTRAPPED: "unknown"}
        return names.ANNOTATION_BOOTSTRAPPED not in notes and (not self.volume.uuid or self.volume.is_restored)

    def _waits_for_backup(self) -> bool:
        """An init container waits while a Job fills the claim, and until it can read whether one does."""
        lease = self.world.find("Lease", names.group_lease(self.world.name))
        if self.world.api_is_away(self.name) or lease is None:
            return True
        return self.name in ordered.filling(lease["metadata"].get("annotations") or {})

    def _is_added(self) -> bool:
        lease = self.world.object("Lease", names.group_lease(self.world.name))
        was_formed = names.ANNOTATION_BOOTSTRAPPED in (lease["metadata"].get("annotations") or {})
        return was_formed and names.ordinal_of(self.name) > 0

    def _mount(self) -> bool:
        """The ConfigMap's file; the certificate, which an init container reads."""
        if self.world.api_is_away(self.name):
            return False
        self._read_config()
        self.tls.files.update(self.world.tls_files())
        return True

    def _read_config(self) -> None:
        """kubelet brings a changed ConfigMap into a pod within a minute or so."""
        self.config_due = self.world.now() + self.world.random.uniform(10.0, 40.0)
        found = self.world.find("ConfigMap", self.config_name)
        if found is not None and not self.world.api_down:
            self.my_cnf = found["data"][render.MY_CNF]

    def _peer_answers(self, ordinal: int) -> bool:
        peers = [self.world.server(names.pod(self.world.name, one)) for one in range(ordinal)]
        return any(one is not None and one.is_up and not one.is_frozen() for one in peers)

    def _keep_running(self) -> None:
        now = self.world.now()
        if now >= self.config_due:
            self._read_config()
        if not self.server.is_up:
            self.mysqld_due = max(self.mysqld_due, self._allowed(names.CONTAINER_MYSQLD))
            if now >= self.mysqld_due:
                self._start_mysqld()
        if self.program is not None and self.program.is_stuck() and self.agent is not None and self.agent.is_alive:
            self.world.say(f"the liveness probe kills the agent of {self.name}")
            self.kill_agent()
        if self.agent is None or not self.agent.is_alive:
            self.agent_due = max(self.agent_due, self._allowed(names.CONTAINER_AGENT))
            if now >= self.agent_due:
                self._start_agent()
        self.is_ready = bool(self.agent and self.agent.is_alive and self.program and self.program.is_ready())

    def _allowed(self, container: str) -> float:
        """When it may start, if it has just ended."""
        if container not in self._runs:
            return 0.0
        self._runs.remove(container)
        return self._backoffs[container].ended(self.world.now())

    def _start_mysqld(self) -> None:
        self._runs.add(names.CONTAINER_MYSQLD)
        self.mysqld_restarts += 1
        version = self.world.version_of(self.image)
        if version == "" or version < self.volume.version or self.volume.is_broken:
            self.refuses = "" < version < self.volume.version
        else:
            self.server.boot(version)

    def _start_agent(self) -> None:
        self.agent_restarts += 1
        self.kill_agent()
        self._runs.add(names.CONTAINER_AGENT)
        self.program = agents.Agent(self.world, self)
        self.agent = self.program.process

    def terminate(self) -> None:
        """SIGTERM to the agent; pre-stop.sh holds mysqld back until the agent has left, or for 30 s."""
        if self.terminating_since is None:
            self.terminating_since = self.world.now()
            self.is_ready = False
            if self.program is not None and self.agent is not None and self.agent.is_alive:
                self.program.stop()

    def _end(self) -> None:
        since = self.world.now() - (self.terminating_since or 0.0)
        waits = self.server.is_up and not self.has_left and since < _LEAVE_SECONDS
        if waits or since < 0.5:
            return
        if self.server.is_up:
            if self.server.is_frozen() and since < 4 * _LEAVE_SECONDS:
                return
            self.server.shut_down()
        self.kill()
        self.world.kubelet.finish(self)

    def kill(self, *, power: bool = False) -> None:
        """All of its processes, at once."""
        if self.server.is_up:
            self.server.die(power=power)
        self.kill_agent()

    def kill_agent(self) -> None:
        """The agent's container ends, and with it what was run in it."""
        for process in (self.agent, *self.programs):
            if process is not None:
                process.kill()
        self.programs.clear()
        self.is_ready = False
        self.agent_due = max(self.agent_due, self.world.now() + self.world.random.uniform(0.3, 2.0))

    def reboot(self) -> None:
        """Its node is back: kubelet starts all over, with the same emptyDir, less what was in memory."""
        self.standing, self.memory = None, {}
        self._runs.clear()
        self._backoffs = {name: Backoff() for name in self._backoffs}
        self.phase, self.due = "init", self.world.now() + self.world.random.uniform(1.0, 8.0)

    def _tell(self) -> None:
        if self.world.api_is_away(self.name):
            return
        failing = self.phase == "running" and not self.server.is_up and self.mysqld_restarts > 1
        marks = (self.phase, self.is_ready, failing, self.mysqld_restarts, self.agent_restarts)
        if marks == self.told:
            return
        self.told = marks
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}} if failing else {"running": {}}
        ended = {"lastState": {"terminated": {"message": _REFUSED}}} if self.refuses else {}
        status = {
            "podIP": "10.0.0.1",
            "phase": "Pending" if self.phase == "init" else "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": str(self.is_ready)},
            ],
            "containerStatuses": []
            if self.phase == "init"
            else [
                {"name": names.CONTAINER_MYSQLD, "restartCount": max(0, self.mysqld_restarts - 1), "state": state}
                | ended,
                {
                    "name": names.CONTAINER_AGENT,
                    "restartCount": max(0, self.agent_restarts - 1),
                    "state": {"running": {}},
                },
            ],
        }
        self.world.kubelet.tell(self, status)


class Kubelet:
    """All kubelets and the scheduler of pods; told by the API server, and only while that answers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.pods: dict[str, Containers] = {}  # by UID

    def of(self, pod: str) -> Containers | None:
        """The pod of that name whose processes run; the newest."""
        found = [one for one in self.pods.values() if one.name == pod]
        return found[-1] if found else None

    def scrape(self) -> None:
        """As Prometheus does it; a series that is there twice costs it the whole answer."""
        for one in self.pods.values():
            if one.node.state != UP or one.agent is None or not one.agent.is_alive or one.agent.is_stopped:
                continue
            lines = one.program.scrape().splitlines() if one.program is not None else []
            series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
            if twice := [name for name, count in Counter(series).items() if count > 1]:
                self._world.scheduler.report("metrics", f"{one.name} reports {twice[0]} twice")

    def turn(self) -> None:
        if self._world.is_changed and not self._world.api_down:
            self._world.is_changed = False
            self._take_over()
        for one in [*self.pods.values()]:
            one.turn()

    def _take_over(self) -> None:
        self._end_checks()
        objects = {pod["metadata"]["uid"]: pod for pod in self._world.objects("Pod") if _is_member(pod)}
        for uid, one in [*self.pods.items()]:
            if uid not in objects:  # deleted by force
                if one.node.state == UP:
                    one.kill()
                    del self.pods[uid]
            elif "deletionTimestamp" in objects[uid]["metadata"]:
                one.terminate()
        for uid, pod in objects.items():
            if uid not in self.pods:
                self._begin(uid, pod)

    def _end_checks(self) -> None:
        """A pod that only tries images has run: the trouble of a bad one shows later, in a member's pod."""
        for pod in [*self._world.objects("Pod")]:
            if not _is_member(pod) and not pod.get("status", {}).get("containerStatuses"):
                ended = {"terminated": {"exitCode": 0}}
                statuses = [{"name": one["name"], "state": ended} for one in pod["spec"]["containers"]]
                self._world.api.set_status("Pod", pod["metadata"]["name"], {"status": {"containerStatuses": statuses}})

    def _begin(self, uid: str, pod: Json) -> None:
        name = pod["metadata"]["name"]
        if "deletionTimestamp" in pod["metadata"]:
            self._world.api.finish_pod(name, uid)
            return
        if any(one.name == name for one in self.pods.values()):
            self._world.is_changed = True  # the one before has not ended
            return
        claim = self._world.claim_of(pod)
        if claim is None:
            self._world.is_changed = True
            return
        volume = self._world.volume(claim)
        if self._world.nodes[volume.node].state != UP or self._world.nodes[volume.node].is_cordoned:
            self._world.is_changed = True
            return
        self.pods[uid] = Containers(self._world, pod, claim, volume)
        self._world.api.set_status("Pod", name, {"spec": {"nodeName": volume.node}})

    def tell(self, one: Containers, status: Json) -> None:
        found = self._world.find("Pod", one.name)
        if found is not None and found["metadata"]["uid"] == one.uid:
            self._world.api.set_status("Pod", one.name, {"status": status})

    def finish(self, one: Containers) -> None:
        if not self._world.api_down:
            self.pods.pop(one.uid, None)
            self._world.api.finish_pod(one.name, one.uid)
            self._world.is_changed = True

    # --- nodes
    def lose(self, node: Node) -> None:
        """The power of one node goes."""
        node.state = DOWN
        for one in self.pods.values():
            if one.node is node:
                one.kill(power=True)

    def come_back(self, node: Node) -> None:
        if node.state == DOWN:
            node.state = UP
            self._world.is_changed = True
            for one in self.pods.values():
                if one.node is node:
                    one.reboot()

    def freeze(self, node: Node) -> None:
        if node.state == UP:
            node.state = FROZEN
            for one in self.pods.values():
                if one.node is node and one.agent is not None:
                    one.agent.stop()

    def thaw(self, node: Node) -> None:
        if node.state == FROZEN:
            node.state = UP
            for one in self.pods.values():
                if one.node is node and one.agent is not None:
                    one.agent.cont()


def _image(pod: Json, container: str) -> str:
    return str(next(one["image"] for one in pod["spec"]["containers"] if one["name"] == container))


def _config(pod: Json) -> str:
    volumes = pod["spec"].get("volumes", [])
    return str(next(one["configMap"]["name"] for one in volumes if one["name"] == "config"))


def _is_member(pod: Json) -> bool:
    return names.LABEL_NAME in (pod["metadata"].get("labels") or {})
