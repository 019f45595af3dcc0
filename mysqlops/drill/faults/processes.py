"""Faults of single processes of a member: killed, or stopped (SIGSTOP).

Process 1 of a container ignores SIGKILL and SIGSTOP from inside it. The kernel still enforces a limit of its processor
time (setrlimit(2): SIGKILL is sent at the hard limit), and SIGSEGV ends mysqld through its own handler. So neither kill
needs a node, but stopping a process does. The limit is 0 (kernels before 5.4 take that for one second), and the kernel
checks it only when a tick finds the process running: mysqld's clients keep it busy, and requests keep an agent busy.
"""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.drill.model import BY_ITSELF, HEIR, NODE, About
from mysqlops.drill.reach import nodes
from mysqlops.drill.reach.nodes import Command
from mysqlops.drill.scene import Facts, Fault, Scene
from mysqlops.objects import pods
from mysqlops.operations import waiting

_KILL_AGENT = f"""
import http.client, resource
resource.prlimit(1, resource.RLIMIT_CPU, (0, 0))
door = http.client.HTTPConnection("localhost", {names.PORT_AGENT}, timeout=1)
while True:
    door.request("GET", "/readyz")
    door.getresponse().read()
"""
_KILL_MYSQLD = "prlimit --pid 1 --cpu=0:0 2>/dev/null || kill -SEGV 1"
_STOPPED = "T"


def _mysqld_facts(scene: Scene) -> Facts:
    """Looked up before the fault: on a busy node this takes a second."""
    if scene.nodes is None:
        return {}
    return {"node": scene.node, "pids": nodes.mysqld(scene.nodes, scene.node, scene.pod()["metadata"]["uid"])}


def _kill_mysqld(scene: Scene, facts: Facts) -> Json:
    if "pids" in facts:
        nodes.run(scene.must_have_nodes(), _signal(scene, facts, "-KILL"))
        return {"signal": "SIGKILL, from the node"}
    _until_dead(scene, names.CONTAINER_MYSQLD, ["sh", "-c", _KILL_MYSQLD])
    return {"signal": "SIGKILL by its limit of processor time if the image has prlimit, else SIGSEGV"}


def _kill_agent(scene: Scene, _: Facts) -> Json:
    _until_dead(scene, names.CONTAINER_AGENT, ["python3", "-c", _KILL_AGENT])
    return {"signal": "SIGKILL by its limit of processor time"}


def _until_dead(scene: Scene, container: str, command: list[str]) -> None:
    """The exec dies with the container: that is no failure, and the container's own count of restarts is the proof."""
    before = _restarts(scene, container)
    try:
        scene.session.client.run_in(scene.target, container, command, timeout_seconds=10)
    except errors.PodExecFailed as error:
        scene.session.progress.waiting(f"the exec ended with its container: {error}")
    patience = waiting.Patience(scene.session, 30)
    while _restarts(scene, container) == before:
        if patience.is_over():
            raise errors.StepFailed(f"container {container} of {scene.target} was not killed")
        patience.sleep(waiting.Pending(f"container {container} of {scene.target} to be killed"), 0.1)


def _restarts(scene: Scene, container: str) -> tuple[int, bool]:
    """The count of its restarts, and whether it runs."""
    own = pods.container(scene.pod(), container)
    return (-1, False) if own is None else (int(own["restartCount"]), pods.is_running(own))


def _freeze_facts(scene: Scene) -> Facts:
    scene.must_have_nodes()
    return _mysqld_facts(scene)


def _freeze(scene: Scene, facts: Facts) -> None:
    nodes.run(scene.must_have_nodes(), _signal(scene, facts, "-STOP"))


def _agent_facts(scene: Scene) -> Facts:
    """The target's agent, which will be stopped, and the primary's mysqld, which will be killed."""
    own, primary = scene.must_have_nodes(), str(scene.status.primary)
    node = scene.node_of(primary)
    return {
        "node": scene.node,
        "pids": nodes.agent(own, scene.node, scene.pod()["metadata"]["uid"]),
        "mysqld": {"node": node, "pids": nodes.mysqld(own, node, scene.pod(primary)["metadata"]["uid"])},
    }


def _freeze_agent(scene: Scene, facts: Facts) -> Json:
    """The election happens while the agent is stopped: the group needs up to nine seconds for it, the agent is stopped
    for thirty. Kubelet's liveness probe fails three times meanwhile, and would kill the agent after six failures."""
    _freeze(scene, facts)
    nodes.run(scene.must_have_nodes(), _signal(scene, facts["mysqld"], "-KILL"))
    return {"killed": f"mysqld of {scene.status.primary}"}


def _go_on(scene: Scene, facts: Facts) -> list[Command]:
    return _signal(scene, facts, "-CONT")


def _is_thawed(scene: Scene, facts: Facts) -> bool:
    """A process that is gone prints nothing, and needs no thaw."""
    own, stat = scene.must_have_nodes(), f"/proc/{int(facts['pids'][0])}/stat"
    text = own.output(own.inside(facts["node"], "sh", "-c", 'cat "$0" 2>/dev/null || true', stat))
    return text.rpartition(")")[2].split()[:1] != [_STOPPED]


def _signal(scene: Scene, facts: Facts, signal: str) -> list[Command]:
    return [nodes.send(scene.must_have_nodes(), facts["node"], signal, facts["pids"])]


def _frozen_agent(about: About) -> Fault:
    return Fault(about, _freeze_agent, prepare=_agent_facts, is_healed=_is_thawed, undo=_go_on)


FAULTS = (
    Fault(
        About(
            "kill-mysqld",
            "the primary's mysqld is killed without a chance to leave the group",
            "mysqld of {target}; its volume stays, kubelet starts it again; {others} elect a primary",
        ),
        _kill_mysqld,
        prepare=_mysqld_facts,
    ),
    Fault(
        About(
            "kill-agent",
            "the primary's agent is killed; mysqld keeps running",
            "the agent of {target}; no client should notice",
            lasts=6,
        ),
        _kill_agent,
    ),
    Fault(
        About(
            "freeze",
            "the primary's mysqld is stopped (SIGSTOP) for 14 s, then continues as if nothing had happened",
            "mysqld of {target} for {seconds} s; {others} expel it and elect a primary",
            needs=NODE,
            undone=BY_ITSELF,
            lasts=14,
            has_minority=True,
        ),
        _freeze,
        prepare=_freeze_facts,
        is_healed=_is_thawed,
        undo=_go_on,
    ),
    _frozen_agent(
        About(
            "agent-frozen",
            "the agent of the next primary is stopped (SIGSTOP) for 30 s, and the primary's mysqld is killed",
            "the agent of {target} for {seconds} s; the group elects {target}, and the killed mysqld's agent labels it",
            aim=HEIR,
            needs=NODE,
            undone=BY_ITSELF,
            lasts=30,
        ),
    ),
    _frozen_agent(
        About(
            "agent-frozen-primary",
            "the primary's agent is stopped (SIGSTOP) for 30 s, and its mysqld is killed",
            "agent and mysqld of {target}, which cannot take its own label off; {others} elect a primary",
            needs=NODE,
            undone=BY_ITSELF,
            lasts=30,
        )
    ),
)
