"""The scene that a fault acts on, and the interface of a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mysqlops import errors
from mysqlops.core.typed import Json
from mysqlops.drill.model import About
from mysqlops.drill.plan import objects
from mysqlops.drill.reach.lab import Lab
from mysqlops.drill.reach.nodes import Command, Nodes
from mysqlops.kube import exec as kube_exec
from mysqlops.operations.session import Session
from mysqlops.planning.status import Status

_EXEC_SECONDS = 30.0


@dataclass(frozen=True)
class Scene:
    """A healthy cluster, the fault's target, and the way to reach both."""

    session: Session
    status: Status
    cluster: objects.Cluster
    target: str
    lab: Lab | None = None
    nodes: Nodes | None = None
    deadline_seconds: float = 120.0  # until the fault undoes itself
    options: Json = field(default_factory=dict)  # of the drill, such as the backup target

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def node(self) -> str:
        return self.node_of(self.target)

    def node_of(self, member: str) -> str:
        return next((str(placed.node) for placed in self.status.members if placed.name == member), "")

    def pod(self, member: str = "") -> Json:
        return self.session.client.get("Pod", member or self.target)

    def others(self) -> list[str]:
        return [member.name for member in self.status.members if member.name != self.target]

    def must_have_lab(self) -> Lab:
        if self.lab is None:
            raise errors.StepFailed("this fault needs the lab's nodes, and no lab is available")
        return self.lab

    def must_have_nodes(self) -> Nodes:
        if self.nodes is None:
            raise errors.StepFailed("this fault needs access to a node, and none is available")
        return self.nodes

    def shell(
        self, container: str, script: str, *, member: str = "", seconds: float = _EXEC_SECONDS
    ) -> kube_exec.Output:
        """Run a script in a container of the target, or of another member."""
        command = ["sh", "-c", script]
        pod = member or self.target
        return self.session.client.run_in(pod, container, command, timeout_seconds=seconds)


Facts = Json


def nothing(_: Scene, __: Facts) -> None:
    """Nothing to undo."""


def always(_: Scene, __: Facts) -> bool:
    return True


@dataclass(frozen=True)
class Fault:
    """`prepare` finds the facts that healing needs; they are recorded before anything is broken. `heal` may be called
    twice, by another process, and when nothing was broken yet. `inject` may return its own facts, for the report. A
    fault with `undo` instead of `heal` makes the commands that undo it; they are planted too. Facts are values, never
    commands."""

    about: About
    inject: Callable[[Scene, Facts], Json | None]
    prepare: Callable[[Scene], Facts] = lambda _: {}
    heal: Callable[[Scene, Facts], None] = nothing
    is_healed: Callable[[Scene, Facts], bool] = always
    undo: Callable[[Scene, Facts], list[Command]] | None = None


@dataclass(frozen=True)
class Drill:
    """The fault of a drill, and its means."""

    session: Session
    name: str
    fault: Fault
    clients: int
    seed: int
    by: str
    lab: Lab | None = None
    nodes: Nodes | None = None  # the way to reach them for this fault: the lab, or pods
    options: Json = field(default_factory=dict)
