"""The agent's and the CLI's clients over the API server in memory, with a hook before and after each request."""

from __future__ import annotations

import builtins
import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mysqlops import errors
from mysqlops.agent import api
from mysqlops.core import names
from mysqlops.kube import client
from mysqlops.kube import exec as kube_exec
from tests.simulation.apiserver import ApiServer

Json = dict[str, Any]
T = TypeVar("T")
# Called with a short text such as "PATCH Pod mysql-0": may switch actors, wait, raise Unreachable, or kill the caller.
Hook = Callable[[str], None]
RunIn = Callable[[str, str, Sequence[str], float], kube_exec.Output]
Logs = Callable[[str, str, int], str]
_KIND_OF = {(prefix.split("/", 2)[2], plural): kind for kind, (prefix, plural, _) in client._KINDS.items()}


def nothing(_: str) -> None:
    """The hook that does nothing."""


class _Wire:
    """A request: the hook before it, its effect, the hook after which the answer arrives."""

    def __init__(self, before: Hook, after: Hook) -> None:
        self._before = before
        self._after = after

    def send(self, text: str, effect: Callable[[], T]) -> T:
        self._before(text)
        try:
            answer = effect()
        except errors.KubeError:
            self._after(text)  # a refusal is an answer, and can be lost like one
            raise
        self._after(text)
        return answer


class AgentApi(api.Api):
    """What an agent has of mysqlops/agent/api.py."""

    def __init__(self, server: ApiServer, before: Hook = nothing, after: Hook = nothing) -> None:
        self._server = server
        self._wire = _Wire(before, after)

    def get(self, group: str, kind: str, name: str) -> Json:
        found = _KIND_OF[group, kind]
        return self._wire.send(f"GET {found} {name}", lambda: self._server.get(found, name))

    def list(self, group: str, kind: str, selector: str) -> builtins.list[Json]:
        found = _KIND_OF[group, kind]
        return self._wire.send(f"LIST {found} {selector}", lambda: self._server.list(found, selector, cached=True))

    def patch(self, group: str, kind: str, name: str, change: Json) -> Json:
        found = _KIND_OF[group, kind]
        return self._wire.send(
            f"PATCH {found} {name}", lambda: self._server.merge_patch(found, name, change, manager="unknown")
        )

    def update(self, group: str, kind: str, name: str, whole: Json) -> Json:
        found = _KIND_OF[group, kind]
        if whole["metadata"].get("name") != name:
            raise errors.KubeError(f"PUT {found}/{name}: 400 the name of the object does not match the name on the URL")
        return self._wire.send(f"PUT {found} {name}", lambda: self._server.replace(found, whole, manager="unknown"))


class CliClient(client.Client):
    """What a command has of mysqlops/kube/client.py."""

    def __init__(
        self,
        server: ApiServer,
        before: Hook = nothing,
        after: Hook = nothing,
        *,
        run_in: RunIn | None = None,
        logs: Logs | None = None,
    ) -> None:
        self.context = "simulated"
        self.namespace = server.namespace
        self.server = "https://simulated:6443"
        self._memory = server
        self._wire = _Wire(before, after)
        self._run_in = run_in
        self._logs = logs

    def within(self, namespace: str) -> CliClient:
        """The world has one namespace: the other one is the same under another name."""
        other = copy.copy(self)
        other.namespace = namespace
        return other

    def get(self, kind: str, name: str) -> Json:
        return self._wire.send(f"GET {kind} {name}", lambda: self._memory.get(kind, name))

    def list(self, kind: str, selector: str = "") -> builtins.list[Json]:
        return self._wire.send(f"LIST {kind} {selector}".rstrip(), lambda: self._memory.list(kind, selector))

    def list_metadata(self, kind: str, selector: str) -> builtins.list[Json]:
        return [{"metadata": one["metadata"]} for one in self.list(kind, selector)]

    def apply(self, manifest: Json, *, dry_run: bool = False) -> Json:
        text = f"{'DRY ' if dry_run else ''}APPLY {manifest['kind']} {manifest['metadata']['name']}"
        return self._wire.send(text, lambda: self._memory.apply(manifest, manager=names.FIELD_MANAGER, dry_run=dry_run))

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
        text = f"{'DRY ' if dry_run else ''}CREATE {kind} {manifest['metadata'].get('name', '')}".rstrip()
        return self._wire.send(text, lambda: self._memory.create(kind, manifest, dry_run=dry_run))

    def replace(self, kind: str, manifest: Json) -> Json:
        text = f"PUT {kind} {manifest['metadata']['name']}"
        return self._wire.send(text, lambda: self._memory.replace(kind, manifest))

    def patch(self, kind: str, name: str, change: Json) -> Json:
        return self._wire.send(f"PATCH {kind} {name}", lambda: self._memory.merge_patch(kind, name, change))

    def delete(
        self, kind: str, name: str, *, uid: str | None = None, grace_seconds: int | None = None, orphan: bool = False
    ) -> None:
        def effect() -> None:
            self._memory.delete(kind, name, uid=uid, grace_seconds=grace_seconds, orphan=orphan)

        try:
            self._wire.send(f"DELETE {kind} {name}", effect)
        except errors.NotFound:
            return

    def logs(self, pod: str, container: str, *, lines: int = 200) -> str:
        def effect() -> str:
            self._memory.get("Pod", pod)
            return self._logs(pod, container, lines) if self._logs else ""

        return self._wire.send(f"LOGS Pod {pod} {container}", effect)

    def together(self, calls: Sequence[Callable[[], T]]) -> builtins.list[T]:
        """One after the other, so that worlds repeat; the first error is raised after all calls have ended."""
        results, failures = [], []
        for call in calls:
            try:
                results.append(call())
            except errors.MysqlopsError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return results

    def run_in(self, pod: str, container: str, command: Sequence[str], *, timeout_seconds: float) -> kube_exec.Output:
        run = self._run_in
        if run is None:
            raise errors.PodExecFailed(f"{pod}: this world runs no programs")
        return self._wire.send(f"EXEC Pod {pod} {container}", lambda: run(pod, container, command, timeout_seconds))

    def version(self) -> str:
        return self._wire.send("VERSION", lambda: "v1.32.0")
