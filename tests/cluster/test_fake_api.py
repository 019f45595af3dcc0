"""The contract of the simulated API server, on a real one: what the fake says is what Kubernetes does."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable

import pytest

from mysqlops.core.typed import Json
from mysqlops.kube import client
from tests.cluster.conftest import AGENT_IMAGE, KUBECONFIG, Namespace, eventually
from tests.simulation import api_cases, apply_cases, pod_cases
from tests.simulation.backend import Backend

_SECONDS = 90


class Real:
    """The CLI's own client, with what only these cases ask for."""

    image = os.environ.get("MYSQLOPS_TEST_SMALL_IMAGE", AGENT_IMAGE)

    def __init__(self, namespace: str) -> None:
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


@pytest.mark.parametrize(
    "case", [*api_cases.CASES, *apply_cases.CASES, *pod_cases.CASES], ids=lambda case: case.__name__
)
def test_contract(case: Callable[[Backend], None], namespace: Namespace) -> None:
    case(Real(namespace.name))


def test_a_list_of_metadata_may_be_empty(namespace: Namespace) -> None:
    """The API server then writes `items: null`, unlike for a list of whole objects."""
    found = client.Client(kubeconfig=KUBECONFIG, context=None, namespace=namespace.name)
    assert found.list_metadata("Secret", "no=such") == found.list("Secret", "no=such") == []
