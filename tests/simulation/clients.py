"""The agent's and the CLI's clients over the API server in memory, with a hook before and after each request.

They are the real clients down to the request: only what would go over the network goes to the API server in memory.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import TypeVar
from urllib.parse import parse_qs, unquote

from mysqlops import errors
from mysqlops.agent import api
from mysqlops.core import kube_status
from mysqlops.core.typed import Json
from mysqlops.kube import attach, client
from mysqlops.kube import exec as kube_exec
from mysqlops.kube.guard import Guard
from tests.simulation import apiserver, objects, preconditions
from tests.simulation.apiserver import ApiServer

T = TypeVar("T")
# Called with a short text such as "PATCH Pod mysql-0": may switch actors, wait, raise Unreachable, or kill the caller.
Hook = Callable[[str], None]
RunIn = Callable[[str, str, Sequence[str], float], kube_exec.Output]
Wait = Callable[[], bool]  # until the next look; False if the watch is over
Logs = Callable[[str, str, int], str]
_KIND_OF = {(prefix.split("/", 2)[2], plural): kind for kind, (prefix, plural, _) in client._KINDS.items()}
_PATH = re.compile(r"^/apis?/(v1|[^/]+/[^/]+)(?:/namespaces/[^/]+)?/([^/]+)(?:/([^/]+))?$")
_APPLY, _SCALE = "application/apply-patch+yaml", "/scale"


def nothing(_: str) -> None:
    """The hook that does nothing."""


@lru_cache(maxsize=4096)
def _target(path: str) -> tuple[str, str]:
    """The kind and the name that a path leads to."""
    found = _PATH.match(path)
    if found is None:
        raise AssertionError(f"the simulated API server does not know {path}")
    return _KIND_OF[found[1], found[2]], unquote(found[3] or "")


@lru_cache(maxsize=4096)
def _query(text: str) -> Mapping[str, str]:
    return {key: values[0] for key, values in parse_qs(text).items()}


class _Wire:
    """A request: the hook before it, its effect, the hook after which the answer arrives."""

    def __init__(self, server: ApiServer, before: Hook, after: Hook) -> None:
        self._server = server
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

    def read(self, path: str, query: Mapping[str, str]) -> Json:
        kind, name = _target(path)
        if name:
            return self.send(f"GET {kind} {name}", lambda: self._server.get(kind, name))
        selector, cached = query.get("labelSelector", ""), query.get("resourceVersion") == "0"
        text = f"LIST {kind} {selector}".rstrip()

        def effect() -> Json:
            version = {"resourceVersion": str(self._server.version(cached=cached))}
            return {"items": self._server.list(kind, selector, cached=cached), "metadata": version}

        return self.send(text, effect)

    def watch(self, path: str, query: Mapping[str, str], wait: Wait) -> Iterator[Json]:
        """As long as `wait` says, and at its end how far it came; an event is one more message that may not arrive."""
        kind, _ = _target(path)
        only = query.get("fieldSelector", "").removeprefix("metadata.name=")
        has_labels = objects.selects(query.get("labelSelector", ""))

        def selects(thing: Json) -> bool:
            return only in ("", thing["metadata"]["name"]) and has_labels(objects.labels_of(thing))

        def begin() -> tuple[int, list[Json]]:
            if version := query.get("resourceVersion"):
                return int(version), []
            return self._server.version(), [thing for thing in self._server.peek_all(kind) if selects(thing)]

        at, first = self.send(f"WATCH {kind} {only}".rstrip(), begin)
        yield from (apiserver.event("ADDED", thing["metadata"]) for thing in first)
        while wait():
            if not self._server.has_changed(kind, at):
                continue
            for change in self.send(f"EVENT {kind}", partial(self._server.changes, kind, at)):
                at = change.version
                if found := change.event(selects):
                    yield found
        version = str(self._server.version(cached=True))
        yield apiserver.event("BOOKMARK", {"resourceVersion": version, "creationTimestamp": None})

    def create(self, path: str, body: Json, query: Mapping[str, str]) -> Json:
        kind, _ = _target(path)
        dry = "dryRun" in query
        text = f"{'DRY ' if dry else ''}CREATE {kind} {body.get('metadata', {}).get('name', '')}".rstrip()
        return self.send(text, lambda: self._server.create(kind, body, dry_run=dry))

    def replace(self, path: str, body: Json, manager: str) -> Json:
        kind, name = _target(path)
        if body["metadata"].get("name") != name:
            raise errors.Invalid(f"PUT {kind}/{name}: 400 the name of the object does not match the name on the URL")
        return self.send(f"PUT {kind} {name}", lambda: self._server.replace(kind, body, manager=manager))

    def patch(self, path: str, body: Json, manager: str) -> Json:
        if path.endswith(_SCALE):
            body = preconditions.of_scale(body)
        kind, name = _target(path.removesuffix(_SCALE))
        return self.send(f"PATCH {kind} {name}", lambda: self._server.merge_patch(kind, name, body, manager=manager))

    def apply(self, path: str, body: Json, query: Mapping[str, str]) -> Json:
        kind, name = _target(path)
        dry, manager = "dryRun" in query, query["fieldManager"]
        text, force = f"{'DRY ' if dry else ''}APPLY {kind} {name}", "force" in query
        return self.send(text, lambda: self._server.apply(body, manager=manager, dry_run=dry, force=force))

    def delete(self, path: str, options: Json) -> Json:
        kind, name = _target(path)
        only = options.get("preconditions") or {}

        def effect() -> None:
            self._server.delete(
                kind,
                name,
                uid=only.get("uid"),
                resource_version=only.get("resourceVersion"),
                orphan=options.get("propagationPolicy") == "Orphan",
                grace_seconds=options.get("gracePeriodSeconds"),
            )

        self.send(f"DELETE {kind} {name}", effect)
        return {}


class AgentApi(api.Api):
    """What an agent has of mysqlops/agent/api.py."""

    def __init__(
        self,
        server: ApiServer,
        before: Hook = nothing,
        after: Hook = nothing,
        wait: Callable[[float], Wait] | None = None,
    ) -> None:
        self.namespace = server.namespace
        self._wire = _Wire(server, before, after)
        self._wait = wait

    def watch(self, group: str, kind: str, query: Mapping[str, str], *, seconds: float) -> Iterator[Json]:
        if self._wait is None:
            raise errors.Forbidden(f"WATCH {kind}: nobody waits here")
        return self._wire.watch(self._path(group, kind), query, self._wait(seconds))

    def _call(self, method: str, path: str, body: Json | None = None, kind: str = "application/json") -> Json:
        bare, _, text = path.partition("?")
        if method == "GET":
            return self._wire.read(bare, _query(text))
        if method == "POST":
            return self._wire.create(bare, body or {}, {})
        write = {"PATCH": self._wire.patch, "PUT": self._wire.replace}[method]
        return write(bare, body or {}, "unknown")


class CliClient(client.Client):
    """What a command has of mysqlops/kube/client.py; another namespace is the same one under another name."""

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
        self.guard = Guard()
        self._wire = _Wire(server, before, after)
        self._memory = server
        self._run_in = run_in
        self._logs = logs

    def _log(self, pod: str, container: str, query: Mapping[str, str]) -> str:
        def effect() -> str:
            self._memory.get("Pod", pod)
            return self._logs(pod, container, int(query["tailLines"])) if self._logs else ""

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
        self.guard.check()
        run = self._run_in
        if run is None:
            raise errors.PodExecFailed(f"{pod}: this world runs no programs")
        return self._wire.send(f"EXEC Pod {pod} {container}", lambda: run(pod, container, command, timeout_seconds))

    def attached(self, pod: str, container: str, command: Sequence[str], *, tty: bool) -> attach.Running:
        raise errors.PodExecFailed(f"{pod}: this world runs no shells")

    def _call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        content: str = "application/json",
        accept: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Json:
        given, parameters = body or {}, query or {}
        if path == "/version":
            return self._wire.send("VERSION", lambda: {"gitVersion": "v1.36.0"})
        if method == "GET":
            found = self._wire.read(path, parameters)
            return found if accept == "application/json" else _only_metadata(found)
        if method == "PATCH":
            is_apply = content == _APPLY
            return self._wire.apply(path, given, parameters) if is_apply else self._wire.patch(path, given, _CLI)
        if method == "PUT":
            return self._wire.replace(path, given, _CLI)
        return self._wire.create(path, given, parameters) if method == "POST" else self._wire.delete(path, given)


_CLI = "mysqlops"  # no field manager is sent: the server takes the user agent's name


def _only_metadata(found: Json) -> Json:
    items = [{"metadata": one["metadata"]} for one in found["items"]] or None  # as an API server 1.36 writes it
    return {"kind": kube_status.METADATA_LIST, "items": items}
