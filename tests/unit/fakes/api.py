"""A clock that only sleeping moves, and an API server in memory with as much of a client as the operations use."""

from __future__ import annotations

import builtins
import itertools
import json
import marshal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from mysqlops import errors
from mysqlops.clock import Signal, Task
from mysqlops.core import instant
from mysqlops.core.typed import Json
from mysqlops.kube import apply, client
from mysqlops.kube import exec as kube_exec
from mysqlops.kube.guard import Guard

T = TypeVar("T")
_LIMIT_SECONDS = 5000.0


class Killed(BaseException):
    """The command was killed, right after a request."""


class Nothing:
    """A task that has ended."""

    def is_alive(self) -> bool:
        return False

    def join(self, timeout: float | None = None) -> None:
        pass


class Switch:
    """A signal for a test without threads."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        return self._is_set


class Clock:
    """Time passes by sleeping; what is started beside does not run. `turn` is called after each sleep."""

    def __init__(self) -> None:
        self.wall, self.seconds = datetime(2026, 1, 1, tzinfo=UTC), 0.0
        self.turn: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        assert self.seconds < _LIMIT_SECONDS, "the command does not end"
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds
        self.turn()

    def signal(self) -> Signal:
        return Switch()

    def start(self, name: str, work: Callable[[], None]) -> Task:
        return Nothing()


class Store:
    """The objects. `settle` plays the controllers, before each read and after each change."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.objects, self.log = clock, dict[tuple[str, str], Json](), list[str]()
        self.numbers = itertools.count(1)
        self.settle: Callable[[], None] = lambda: None
        self.kill_after: Callable[[str], bool] = lambda _: False

    def put(self, manifest: Json) -> Json:
        made = _copied(manifest)
        metadata = made["metadata"]
        metadata.setdefault("uid", f"uid-{next(self.numbers)}")
        metadata.setdefault("namespace", "db")
        if "creationTimestamp" not in metadata:
            metadata["creationTimestamp"] = instant.text(self.clock.now())
        metadata["resourceVersion"] = str(next(self.numbers))
        self.objects[made["kind"], metadata["name"]] = made
        return _copied(made)

    def done(self, text: str) -> None:
        self.log.append(text)
        self.settle()
        if self.kill_after(text):
            raise Killed(text)

    def deleted(self, kind: str) -> list[str]:
        words = [text.split() for text in self.log if text.startswith(f"DELETE {kind} ")]
        return [word[2] for word in words]


class Client(client.Client):
    """What the operations have of mysqlops/kube/client.py, over a store."""

    def __init__(self, store: Store) -> None:
        self.store, self.namespace, self.context = store, "db", "fake"
        self.guard, self.server = Guard(), "fake"
        self.answer: Callable[[str, Sequence[str]], Json] = lambda _pod, _words: {}

    def find(self, kind: str, name: str) -> Json | None:
        self.store.settle()
        return _copied(self.store.objects.get((kind, name)))

    def get(self, kind: str, name: str) -> Json:
        if (found := self.find(kind, name)) is None:
            raise errors.NotFound(f"{kind} {name}")
        return found

    def list(self, kind: str, selector: str = "") -> builtins.list[Json]:
        """The API server gives the items of a list neither kind nor version."""
        self.store.settle()
        parts = [part for part in selector.split(",") if part and " in " not in selector]
        wanted = dict(part.split("=") for part in parts if "=" in part)
        present = {part for part in parts if "=" not in part}
        return [
            {key: value for key, value in _copied(one).items() if key not in ("kind", "apiVersion")}
            for (of_kind, _), one in self.store.objects.items()
            if of_kind == kind
            and wanted.items() <= (one["metadata"].get("labels") or {}).items()
            and present <= (one["metadata"].get("labels") or {}).keys()
        ]

    def list_metadata(self, kind: str, selector: str) -> builtins.list[Json]:
        return [{"metadata": one["metadata"]} for one in self.list(kind, selector)]

    def warnings(self, kind: str, name: str) -> builtins.list[Json]:
        events = [one for (of_kind, _), one in self.store.objects.items() if of_kind == "Event"]
        return [one for one in events if one["involvedObject"] == {"kind": kind, "name": name}]

    def apply(self, manifest: Json, *, dry_run: bool = False) -> Json:
        apply.live(self, manifest)
        self._check(manifest["kind"], dry_run=dry_run)
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        found = self.store.objects.get((kind, name), {"metadata": {}})
        if dry_run:
            return _merged(found, manifest)
        self.store.put(_merged(found, manifest))
        self.store.done(f"APPLY {kind} {name}")
        return self.get(kind, name)

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
        self._check(kind, dry_run=dry_run)
        if kind == "SelfSubjectAccessReview":
            return {"status": {"allowed": True}}
        name = manifest["metadata"]["name"]
        if (kind, name) in self.store.objects:
            raise errors.Conflict(f"{kind} {name} exists")
        if dry_run:
            return manifest
        made = self.store.put({"kind": kind, **manifest})
        self.store.done(f"CREATE {kind} {name}")
        return made

    def replace(self, kind: str, manifest: Json) -> Json:
        self._check(kind)
        name = manifest["metadata"]["name"]
        self._must_be(kind, name, manifest["metadata"])
        made = self.store.put({"kind": kind, **manifest})
        self.store.done(f"REPLACE {kind} {name}")
        return made

    def patch(self, kind: str, name: str, change: Json) -> Json:
        self._check(kind)
        found = self._must_be(kind, name, change.get("metadata", {}))
        made = self.store.put(_merged(found, change))
        self.store.done(f"PATCH {kind} {name} {json.dumps(change)}")
        return made

    def scale(self, name: str, replicas: int, *, version: str = "") -> None:
        meta: Json = {"metadata": {"resourceVersion": version}} if version else {}
        self.patch("StatefulSet", name, {**meta, "spec": {"replicas": replicas}})

    def delete(
        self, kind: str, name: str, *, uid: str | None = None, grace_seconds: int | None = None, orphan: bool = False
    ) -> None:
        self._check(kind)
        if (kind, name) in self.store.objects:
            self._must_be(kind, name, {"uid": uid} if uid else {})
            if kind == "PersistentVolumeClaim":
                self.store.objects[kind, name]["metadata"]["deletionTimestamp"] = "now"
            else:
                del self.store.objects[kind, name]
            self.store.done(f"DELETE {kind} {name}")

    def delete_unchanged(self, kind: str, found: Json, *, orphan: bool = False) -> None:
        self._check(kind)
        name = found["metadata"]["name"]
        if (kind, name) in self.store.objects:
            self._must_be(kind, name, found["metadata"])
            del self.store.objects[kind, name]
            self.store.done(f"DELETE {kind} {name}")

    def version(self) -> str:
        return "v1.34.0"

    def together(self, calls: Sequence[Callable[[], T]]) -> builtins.list[T]:
        return [call() for call in calls]

    def run_in(self, pod: str, container: str, command: Sequence[str], *, timeout_seconds: float) -> kube_exec.Output:
        self._check("Pod")
        return kube_exec.Output(json.dumps(self.answer(pod, command[2:])), "", 0)

    def _must_be(self, kind: str, name: str, metadata: Json) -> Json:
        if (found := self.store.objects.get((kind, name))) is None:
            raise errors.NotFound(f"{kind} {name}")
        for key in ("uid", "resourceVersion"):
            if key in metadata and found["metadata"][key] != metadata[key]:
                raise errors.Conflict(f"{kind} {name}: {key}")
        return found


def _copied(found: T) -> T:
    """Objects are JSON: marshal copies them in a fifth of the time that copy.deepcopy takes."""
    copied: T = marshal.loads(marshal.dumps(cast("Any", found)))  # noqa: S302 (our own bytes)
    return copied


def _merged(old: Json, change: Json) -> Json:
    """RFC 7396."""
    made = _copied(old)
    for key, value in change.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = _merged(made.get(key) or {}, value) if isinstance(value, dict) else _copied(value)
    return made
