"""Reaches nodes of any cluster, for faults that act on a node: by a privileged pod that runs there during a drill.

The pod is in a separate namespace, which admits such pods; the database's namespace need not. A process inside that pod
undoes the fault at the deadline.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.drill.model import DEFAULT_NODE_IMAGE, LAB, About
from mysqlops.drill.plan import objects
from mysqlops.drill.reach import nodes
from mysqlops.drill.reach.lab import Lab
from mysqlops.drill.reach.nodes import Command, Nodes
from mysqlops.kube import manifests
from mysqlops.kube.client import Client
from mysqlops.objects import pods
from mysqlops.operations import waiting
from mysqlops.operations.session import Session

_CONTAINER = "node"
_FOLDER = "/tmp"  # noqa: S108 (the pod's own, not shared)
_CALL_SECONDS = 60.0
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Way:
    """The namespace and image of such pods, if they are requested."""

    namespace: str = ""
    image: str = DEFAULT_NODE_IMAGE


def choose(session: Session, cluster: str, about: About, own: Lab | None, way: Way) -> Nodes | None:
    """The way to reach nodes for a fault: pods where requested and sufficient, else the lab if it exists."""
    if about.needs == LAB or not way.namespace:
        return own
    return NodePods(session, cluster, names.check_namespace(way.namespace, "--node-pods"), way.image)


@dataclass(frozen=True)
class NodePods:
    """The pods of one cluster's drill; a command is a node and the words of a program."""

    session: Session
    cluster: str
    namespace: str
    image: str

    @property
    def client(self) -> Client:
        return self.session.client.within(self.namespace)

    def check(self) -> None:
        """Raises Refused with the API server's answer to such a pod."""
        try:
            self.client.create("Pod", self._pod("any"), dry_run=True)
        except (errors.Forbidden, errors.NotFound) as error:
            text = f"--node-pods {self.namespace}: no pod that reaches a node may be made there: {error}"
            hint = "give a namespace that admits privileged pods, where you may create, list, delete and exec into pods"
            raise errors.Refused([errors.Reason("node-pods-refused", text, hint)]) from error

    def inside(self, node: str, *words: object) -> Command:
        return (node, *map(str, words))

    def output(self, command: Command) -> str:
        node, *words = command
        try:
            done = self.client.run_in(self._on(node), _CONTAINER, words, timeout_seconds=_CALL_SECONDS)
        except (errors.PodExecFailed, errors.KubeError) as error:
            raise errors.StepFailed(f"node {node}: {error}") from error
        if done.exit_code != 0:
            raise errors.StepFailed(f"node {node}: {words[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def plant(self, commands: Sequence[Command], seconds: float, token: str) -> None:
        file = nodes.token_file(_FOLDER, token)
        for node in dict.fromkeys(node for node, *_ in commands):
            script = nodes.undo_later([words for at, *words in commands if at == node], seconds, file)
            left = f'touch {file}; (setsid sh -c "$0") </dev/null >/dev/null 2>&1 &'
            self.output(self.inside(node, "sh", "-c", left, script))

    def pull(self, token: str) -> None:
        for pod in self._found():
            self.output(self.inside(pod["spec"]["nodeName"], "rm", "-f", nodes.token_file(_FOLDER, token)))

    def remove(self) -> None:
        for pod in self._found():
            self.client.delete("Pod", pod["metadata"]["name"], grace_seconds=0)

    def _on(self, node: str) -> str:
        """The running pod on a node, created if it does not exist."""
        patience = waiting.Patience(self.session, _START_SECONDS)
        while True:
            existing = [pod for pod in self._found() if pod["spec"]["nodeName"] == node and not _has_ended(pod)]
            if running := [pod for pod in existing if pod["status"].get("phase") == "Running"]:
                return str(running[0]["metadata"]["name"])
            if not existing:
                self.client.create("Pod", self._pod(node))
            why = pods.why_silent(existing[0] if existing else None)
            if patience.is_over():
                raise errors.StepFailed(
                    f"the pod on node {node} in namespace {self.namespace} does not run: {why}",
                    hint=f"kubectl describe pods -n {self.namespace} -l {names.LABEL_DRILL}={self._owner()}",
                )
            patience.sleep(waiting.Pending(f"the pod on node {node} to run: {why}"))

    def _found(self) -> list[Json]:
        existing = self.client.list("Pod", f"{names.LABEL_DRILL}={self._owner()}")
        return [pod for pod in existing if "deletionTimestamp" not in pod["metadata"]]

    def _pod(self, node: str) -> Json:
        """Names are used once: for a moment kubelet still routes to the previous pod of the same name."""
        name = objects.names_of(self.cluster, f"node-{secrets.token_hex(3)}")
        return objects.node_pod(manifests.load_one("drill/node.yaml"), self._owner(), name, self.image, node)

    def _owner(self) -> str:
        """Drills of clusters in other namespaces may use the same namespace."""
        return hashlib.sha256(f"{self.session.client.namespace}/{self.cluster}".encode()).hexdigest()[:16]


def _has_ended(pod: Json) -> bool:
    return pod["status"].get("phase") in ("Failed", "Succeeded")
