"""What the contract's cases need of an API server: the fake one here, the lab's in tests/cluster/test_fake_api.py."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import pytest

from mysqlops import errors
from mysqlops.agent import api
from mysqlops.core.typed import Json
from tests.simulation import clients, manifests, objects, preconditions
from tests.simulation.apiserver import ApiServer

_ROUNDS = 30
_ENDS = {"true": "Succeeded", "false": "Failed"}  # programs


class Backend(Protocol):
    """The verbs, with what only tests ask for (another manager, every precondition), and a way to wait."""

    image: str

    def get(self, kind: str, name: str) -> Json: ...

    def list(self, kind: str, selector: str = "") -> builtins.list[Json]: ...

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json: ...

    def apply(self, manifest: Json, *, manager: str, dry_run: bool = False, force: bool = False) -> Json: ...

    def replace(self, kind: str, manifest: Json) -> Json: ...

    def merge_patch(self, kind: str, name: str, change: Json, *, manager: str = "someone") -> Json: ...

    def scale(self, name: str, replicas: int, *, version: str = "", more: Json | None = None) -> None:
        """A StatefulSet's; `more` is what else the change says of its spec."""

    def delete(
        self,
        kind: str,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        orphan: bool = False,
        grace_seconds: int | None = None,
    ) -> None: ...

    def until(self, check: Callable[[], bool], what: str) -> None: ...

    def let_pass(self) -> None:
        """Time enough for what should not happen."""

    def agent(self) -> api.Api:
        """What an agent has of it."""

    def old_version(self) -> str:
        """From which no watch of Leases can go on any more."""


class Simulated(ApiServer):
    """The API server in memory with a scheduler and a kubelet that do their work at once, whenever a case waits."""

    image = "pause"

    def __init__(self) -> None:
        ticks, uids = itertools.count(), itertools.count(1)
        super().__init__(lambda: datetime.fromtimestamp(1_800_000_000 + next(ticks), UTC), lambda: f"uid-{next(uids)}")
        self.create("StorageClass", manifests.storage_class("standard", is_default=True, grows=True))
        self.create("StorageClass", manifests.storage_class("fixed", is_default=False, grows=False))

    def scale(self, name: str, replicas: int, *, version: str = "", more: Json | None = None) -> None:
        change = {"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas, **(more or {})}}
        self.merge_patch("StatefulSet", name, preconditions.of_scale(change), manager="mysqlops")

    def until(self, check: Callable[[], bool], what: str) -> None:
        for _ in range(_ROUNDS):
            if check():
                return
            self.run_controllers()
            self._run_pods()
        raise AssertionError(f"not within {_ROUNDS} rounds: {what}")

    def agent(self) -> api.Api:
        """Its watches look once a second."""

        def wait(seconds: float) -> clients.Wait:
            looks = itertools.repeat(True, int(seconds))
            return lambda: next(looks, False)

        return clients.AgentApi(self, wait=wait)

    def old_version(self) -> str:
        version = self.create("Lease", manifests.lease("old"))["metadata"]["resourceVersion"]
        for number in range(1000):
            self.merge_patch("Lease", "old", {"spec": {"holderIdentity": str(number)}})
        return str(version)

    def _run_pods(self) -> None:
        for pod in self.peek_all("Pod"):
            name = pod["metadata"]["name"]
            if objects.is_going(pod):
                self.finish_pod(name, pod["metadata"]["uid"])
            elif not pod["spec"].get("nodeName"):
                claims = [self._claim(one) for one in objects.claims_of(pod)]
                if all(claim is not None and not objects.is_going(claim) for claim in claims):
                    self.set_status("Pod", name, {"spec": {"nodeName": "node-1"}})
            else:
                self.set_status("Pod", name, {"status": _running(pod["spec"])})

    def let_pass(self) -> None:
        for _ in range(_ROUNDS):
            self.run_controllers()
            self._run_pods()

    def _claim(self, name: str) -> Json | None:
        return self.peek("PersistentVolumeClaim", name)


def _running(spec: Json) -> Json:
    """A pod's status, soon after its containers started."""
    if "activeDeadlineSeconds" in spec:
        return {"phase": "Failed", "reason": "DeadlineExceeded"}
    if spec.get("restartPolicy") == "Never" and (ends := _ENDS.get(spec["containers"][0]["command"][0])):
        return {"phase": ends}
    ready = str(all(one.get("readinessProbe") != manifests.NEVER for one in spec["containers"]))
    return {"conditions": [{"type": "Ready", "status": ready}], "podIP": "10.0.0.1", "phase": "Running"}


def find(backend: Backend, kind: str, name: str) -> Json | None:
    try:
        return backend.get(kind, name)
    except errors.NotFound:
        return None


def is_refused(error: pytest.ExceptionInfo[errors.KubeError]) -> bool:
    """Refused as invalid: neither a conflict nor missing."""
    return type(error.value) in (errors.KubeError, errors.Invalid, errors.Forbidden)
