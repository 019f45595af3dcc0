"""The contract of the simulated API server, on a real one: what the fake says is what Kubernetes does.

Most cases wait for real controllers, each with objects of its own names (tests/simulation/test_api.py), so they run
beside each other, and each test reports one of them.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mysqlops.agent import api
from mysqlops.core.typed import Json
from mysqlops.kube import client
from tests.cluster.conftest import AGENT_IMAGE, KUBECONFIG, Namespace, eventually
from tests.simulation import (
    api_cases,
    apply_cases,
    job_cases,
    kubelet_cases,
    manifests,
    pod_cases,
    stateful_set_cases,
    watch_cases,
)

_SECONDS = 90
_TOGETHER = 6  # cases at once
_CASES = [
    *api_cases.CASES,
    *apply_cases.CASES,
    *pod_cases.CASES,
    *job_cases.CASES,
    *stateful_set_cases.CASES,
    *watch_cases.CASES,
]
Case = Callable[[Any], None]  # of a Backend or a Kubelet


class Real:
    """The CLI's own client, with what only these cases ask for."""

    image = os.environ.get("MYSQLOPS_TEST_SMALL_IMAGE", AGENT_IMAGE)

    def __init__(self, namespace: str, account: Path) -> None:
        self._agent = api.Api(namespace, account)
        self._client = client.Client(kubeconfig=KUBECONFIG, context=None, namespace=namespace)

    def get(self, kind: str, name: str) -> Json:
        return self._client.get(kind, name)

    def list(self, kind: str, selector: str = "") -> builtins.list[Json]:
        return self._client.list(kind, selector)

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
        return self._client.create(kind, manifest, dry_run=dry_run)

    def apply(self, manifest: Json, *, manager: str, dry_run: bool = False, force: bool = False) -> Json:
        path = self._client._path(manifest["kind"], manifest["metadata"]["name"])
        query = {"fieldManager": manager} | ({"dryRun": "All"} if dry_run else {})
        query |= {"force": "true"} if force else {}
        return self._client._call("PATCH", path, manifest, content="application/apply-patch+yaml", query=query)

    def replace(self, kind: str, manifest: Json) -> Json:
        return self._client.replace(kind, manifest)

    def merge_patch(self, kind: str, name: str, change: Json, *, manager: str = "someone") -> Json:
        path, query = self._client._path(kind, name), {"fieldManager": manager}
        return self._client._call("PATCH", path, change, content="application/merge-patch+json", query=query)

    def scale(self, name: str, replicas: int, *, version: str = "", more: Json | None = None) -> None:
        if not more:
            self._client.scale(name, replicas, version=version)
            return
        path = f"{self._client._path('StatefulSet', name)}/scale"
        change = {"spec": {"replicas": replicas, **more}}
        self._client._call("PATCH", path, change, content="application/merge-patch+json")

    def delete(
        self,
        kind: str,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        orphan: bool = False,
        grace_seconds: int | None = None,
    ) -> None:
        options: Json = {"kind": "DeleteOptions", "apiVersion": "v1"}
        options["propagationPolicy"] = "Orphan" if orphan else "Background"
        if uid or resource_version:
            given = {"uid": uid, "resourceVersion": resource_version}
            options["preconditions"] = {key: value for key, value in given.items() if value}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        self._client._call("DELETE", self._client._path(kind, name), options)

    def until(self, check: Callable[[], bool], what: str) -> None:
        eventually(check, what, _SECONDS)

    def let_pass(self) -> None:
        time.sleep(8)

    def agent(self) -> api.Api:
        return self._agent

    def close(self) -> None:
        """An agent keeps its connection until it ends."""
        if self._agent._connection is not None:
            self._agent._connection.close()

    def old_version(self) -> str:
        return "1"


@pytest.fixture(scope="module")
def account(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an agent, as a pod has it: a folder."""
    folder = tmp_path_factory.mktemp("account")
    rules = [{"apiGroups": ["", "coordination.k8s.io"], "resources": ["pods", "leases"], "verbs": ["list", "watch"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "watcher"}}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps({**role, "rules": rules}))
    namespace.kubectl("create", "serviceaccount", "watcher")
    holder = f"--serviceaccount={namespace.name}:watcher"
    namespace.kubectl("create", "rolebinding", "watcher", "--role=watcher", holder)
    (folder / "token").write_text(namespace.kubectl("create", "token", "watcher"))
    (folder / "ca.crt").write_bytes(base64.b64decode(_server(namespace)["certificate-authority-data"]))
    return folder


def _server(namespace: Namespace) -> Json:
    words = ("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
    found: Json = json.loads(namespace.kubectl(*words))["clusters"][0]["cluster"]
    return found


class RealKubelet:
    """Implements kubelet_cases.Kubelet: a pod beside whose container another one lives on."""

    def __init__(self, api: Real, case: str) -> None:
        self._api, self._name = api, case.replace("_", "-")[:40].strip("-")
        self._found: list[str] = []

    def starts(self, count: int, seconds: float) -> list[float]:
        spec = manifests.pod_spec(self._api.image)
        script = f"date +%s >>/mem/starts; cp /mem/starts /dev/termination-log; sleep {seconds:.0f}; exit 1"
        mount = {"name": "memory", "mountPath": "/mem"}
        dies = {**spec["containers"][0], "name": "dies", "command": ["sh", "-c", script], "volumeMounts": [mount]}
        spec |= {"containers": [dies, spec["containers"][0]]}
        spec |= {"volumes": [{"name": "memory", "emptyDir": {"medium": "Memory"}}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self._name}, "spec": spec}
        self._api.create("Pod", pod)
        eventually(lambda: self._look() >= count, f"{count} starts", _SECONDS + count * seconds)
        self._api.delete("Pod", self._name)
        return [float(line) for line in self._found[:count]]

    def remembered(self) -> int:
        return len(self._found)

    def _look(self) -> int:
        """How many of its runs have ended; what the last of them found in memory is its message."""
        statuses = self._api.get("Pod", self._name)["status"].get("containerStatuses") or []
        dies: Json = next((one for one in statuses if one["name"] == "dies"), {})
        ended = dies.get("state", {}).get("terminated")
        last = ended or dies.get("lastState", {}).get("terminated") or {}
        self._found = str(last.get("message", "")).split()
        return int(dies.get("restartCount", 0)) + bool(ended or dies.get("state", {}).get("waiting"))


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, namespace: Namespace, account: Path
) -> Iterator[Mapping[Case, Future[None]]]:
    """All cases of this run, those of kubelet first: their pauses are the longest."""
    address = urlsplit(_server(namespace)["server"])
    mine = [one for one in request.session.items if isinstance(one, pytest.Function) and one.path == request.path]
    chosen: list[Any] = [one.callspec.params["case"] for one in mine if hasattr(one, "callspec")]

    def prove(case: Case) -> None:
        with contextlib.closing(Real(namespace.name, account)) as real:
            case(RealKubelet(real, case.__name__) if case in kubelet_cases.CASES else real)

    with pytest.MonkeyPatch.context() as environment, ThreadPoolExecutor(_TOGETHER) as pool:
        environment.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
        environment.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
        chosen.sort(key=lambda case: case not in kubelet_cases.CASES)
        yield {case: pool.submit(prove, case) for case in chosen}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.__name__)
def test_contract(case: Case, running: Mapping[Case, Future[None]]) -> None:
    running[case].result()


@pytest.mark.parametrize("case", kubelet_cases.CASES, ids=lambda case: case.__name__)
def test_kubelet(case: Case, running: Mapping[Case, Future[None]]) -> None:
    running[case].result()


def test_a_list_of_metadata_may_be_empty(namespace: Namespace) -> None:
    """The API server then writes `items: null`, unlike for a list of whole objects."""
    found = client.Client(kubeconfig=KUBECONFIG, context=None, namespace=namespace.name)
    assert found.list_metadata("Secret", "no=such") == found.list("Secret", "no=such") == []
