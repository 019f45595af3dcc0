"""An API server in memory, for one namespace: the verbs with the preconditions and conflicts of the real one.

Contract: api_cases.py, apply_cases.py and watch_cases.py hold for it and for the lab's API server. Nothing here reads a
clock, draws a random number or waits; the order of everything is the order of creation, or of names where the real one
sorts.
"""

from __future__ import annotations

import builtins
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from mysqlops import errors
from mysqlops.core.typed import Json
from tests.simulation import admission, controllers, managed_fields, objects, ownership, preconditions, sharing

Table = dict[str, dict[str, "Stored"]]
Listener = Callable[[str, Json, bool], None]  # the event, the object, and whether a controller may look at the change
_UPDATER = "mysqlops"  # who sends no field manager is known by its user agent
_ANYTIME = frozenset({"Lease"})  # a PUT of these makes the object if there is none, and must name a resourceVersion
_WITHOUT_NAMESPACE = frozenset({"Namespace", "Node", "StorageClass"})
_ORPHAN = "orphan"
_WATCHED, _KEPT = ("Pod", "Lease"), 500  # of these kinds the last changes
# What readers share instead of getting copies: most of what is read.
_FROZEN = {"Pod": ("metadata", "spec", "status"), "StatefulSet": ("spec", "status")}


class Change(NamedTuple):
    """What a watch is made of. `before` is None of what was made, `after` of what was deleted."""

    version: int
    before: Json | None
    after: Json | None

    def event(self, selects: Callable[[Json], bool]) -> Json | None:
        """As a watch of what is selected shows it: what leaves the selection is deleted, as it was before that."""
        was, now = (one if one is not None and selects(one) else None for one in (self.before, self.after))
        if now is not None:
            return event("ADDED" if was is None else "MODIFIED", now["metadata"])
        if was is not None:
            return event("DELETED", {**was["metadata"], "resourceVersion": str(self.version)})
        return None


def event(kind: str, metadata: Json) -> Json:
    """One of a watch that asked for metadata."""
    bare = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {"type": kind, "object": {**bare, **objects.copied({"metadata": metadata})}}


class Stored:
    """One object, and which manager owns which fields; neither is ever changed in place."""

    __slots__ = ("_packed", "owners", "thing")

    def __init__(self, thing: Json, owners: ownership.Owners) -> None:
        self.thing = thing
        self.owners = owners
        self._packed: bytes | None = None

    def copy(self) -> Json:
        if self._packed is None:
            self._packed = objects.packed(self.thing)
        return objects.unpacked(self._packed, self.thing)


class ApiServer:
    """The verbs raise errors.KubeError and its kin as the real clients do, and answer with copies."""

    def __init__(self, now: Callable[[], datetime], new_uid: Callable[[], str]) -> None:
        self.namespace = "db"
        self.on_change: Listener | None = None
        self._now = now
        self._new_uid = new_uid
        self._version = 0
        self._tables: Table = {}
        self._cache: Table | None = None
        self._news = 0  # grows with each change that a controller may look at
        self._settled: dict[tuple[str, ...], int] = {}
        self._frozen_at: int | None = None
        self.revisions: dict[str, Json] = {}  # of StatefulSets: the template of each
        self._changes: dict[str, deque[Change]] = {kind: deque(maxlen=_KEPT) for kind in _WATCHED}

    # Reading

    def get(self, kind: str, name: str) -> Json:
        found = self._stored(kind, name)
        return managed_fields.shown(found.copy(), found.owners)

    def list(self, kind: str, selector: str = "", *, cached: bool = False) -> list[Json]:
        tables = self._cache if cached and self._cache is not None else self._tables
        found = [one for _, one in sorted(tables.get(kind, {}).items())]
        if selector:
            selects = objects.selects(selector)
            found = [one for one in found if selects(objects.labels_of(one.thing))]
        return [one.copy() for one in found]

    def peek(self, kind: str, name: str) -> Json | None:
        """The stored object itself, for who looks at all of them after each step; it must not be changed."""
        found = self._tables.get(kind, {}).get(name)
        return found.thing if found else None

    def peek_all(self, kind: str) -> builtins.list[Json]:
        """The stored objects of a kind, in order of creation; they must not be changed."""
        return [one.thing for one in self._tables.get(kind, {}).values()]

    def kinds(self) -> builtins.list[str]:
        return sorted(kind for kind, table in self._tables.items() if table)

    def owners(self, kind: str, name: str) -> ownership.Owners:
        """Which manager owns which fields of an object."""
        return self._stored(kind, name).owners

    def freeze_cache(self) -> None:
        """From now on cached lists answer what was there now, as a second API server with a watch that hangs."""
        self._cache = {kind: dict(table) for kind, table in self._tables.items()}
        self._frozen_at = self._version

    def thaw_cache(self) -> None:
        self._cache = self._frozen_at = None

    def version(self, *, cached: bool = False) -> int:
        """Of the newest object that a list shows."""
        return self._frozen_at if cached and self._frozen_at is not None else self._version

    def has_changed(self, kind: str, since: int) -> bool:
        """Whether a watch has something to show."""
        kept, until = self._changes[kind], self.version(cached=True)
        return bool(kept) and since < min(kept[-1].version, until)

    def changes(self, kind: str, since: int) -> builtins.list[Change]:
        """What a watch is made of after that version: as much as the cache has. Raises KubeError if that is no longer
        kept."""
        kept, until = self._changes[kind], self.version(cached=True)
        if len(kept) == _KEPT and kept[0].version > since + 1:
            raise errors.KubeError(f"WATCH {kind}: 410 too old resource version: {since}")
        return [one for one in kept if since < one.version <= until]

    # Writing

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False, manager: str = _UPDATER) -> Json:
        manifest = preconditions.without_nulls(objects.received(manifest))
        if kind == "SelfSubjectAccessReview":
            return {**manifest, "status": {"allowed": True}}
        name = manifest["metadata"]["name"]
        if self.peek(kind, name) is not None:
            raise errors.Conflict(f'POST {kind}: 409 {kind} "{name}" already exists')
        if manifest["metadata"].get("resourceVersion"):
            raise errors.KubeError(f"POST {kind}: 500 resourceVersion should not be set on objects to be created")
        return self._add(kind, manifest, f"{manager}/Update", dry_run=dry_run)

    def apply(self, manifest: Json, *, manager: str, dry_run: bool = False, force: bool = False) -> Json:
        """Server-side apply; Conflict names each field that another manager owns with another value, which `force`
        takes."""
        manifest = preconditions.without_nulls(objects.received(manifest))
        kind, meta = manifest["kind"], manifest["metadata"]
        applier, wanted = f"{manager}/Apply", ownership.fields(manifest)
        found = self._tables.get(kind, {}).get(meta["name"])
        if found is None:
            if meta.get("uid") or meta.get("resourceVersion"):
                raise errors.Conflict(f"PATCH {kind}/{meta['name']}: 409 it names an object that does not exist")
            return self._add(kind, manifest, applier, dry_run=dry_run)
        preconditions.of_patch(kind, found.thing, meta)
        owners = found.owners or {"before-first-apply/Update": frozenset(ownership.fields(found.thing))}
        against = ownership.conflicts(owners, applier, found.thing, wanted)
        if against and not force:
            raise ownership.conflict(f"PATCH {kind}/{meta['name']}", against)
        gone = ownership.dropped(owners, applier, wanted)
        new = ownership.applied(found.thing, preconditions.without_system(manifest), gone)
        owners = {**ownership.without(owners, against), applier: frozenset(wanted)}
        return self._update(kind, found, new, owners, dry_run=dry_run)

    def replace(self, kind: str, manifest: Json, *, manager: str = _UPDATER) -> Json:
        manifest = preconditions.without_nulls(objects.received(manifest))
        meta = manifest["metadata"]
        found = self._tables.get(kind, {}).get(meta["name"])
        if found is None:
            return self._replace_missing(kind, manifest, manager)
        if not meta.get("resourceVersion") and kind in _ANYTIME:
            raise errors.Invalid(f"PUT {kind}: 422 metadata.resourceVersion: must be specified for an update")
        preconditions.check(kind, found.thing, uid=meta.get("uid"), version=meta.get("resourceVersion"))
        new = {"apiVersion": found.thing.get("apiVersion"), "kind": kind, **preconditions.without_system(manifest)}
        new["metadata"] = {**preconditions.system_of(found.thing), **new["metadata"]}
        return self._update_by(f"{manager}/Update", kind, found, new)

    def _replace_missing(self, kind: str, manifest: Json, manager: str) -> Json:
        """A Lease is made by a PUT, even by one that names the resourceVersion of a Lease that was deleted."""
        meta = manifest["metadata"]
        if kind not in _ANYTIME:
            raise errors.NotFound(f'PUT {kind}: 404 {kind} "{meta["name"]}" not found')
        if meta.get("uid"):
            raise errors.Conflict(f"PUT {kind}/{meta['name']}: 409 Precondition failed: UID in precondition")
        return self._add(kind, manifest, f"{manager}/Update", dry_run=False)

    def merge_patch(self, kind: str, name: str, change: Json, *, manager: str = _UPDATER) -> Json:
        """RFC 7396; a resourceVersion or uid in the change is a precondition."""
        found, change = self._stored(kind, name), objects.received(change)
        if meta := change.get("metadata"):
            preconditions.of_patch(kind, found.thing, meta)
            change = preconditions.without_system(change)
            if "managedFields" in meta:
                self._store(kind, found, found.thing, managed_fields.read(meta["managedFields"]))
                found = self._stored(kind, name)
        return self._update_by(f"{manager}/Update", kind, found, objects.merged(found.thing, change))

    def set_status(self, kind: str, name: str, change: Json) -> None:
        """A merge patch by a controller or the kubelet: of status, and of what users may not change (a pod's node)."""
        found = self._stored(kind, name)
        if objects.merged(found.thing, change) is not found.thing:
            self._store(kind, found, objects.merged(found.thing, objects.received(change)), found.owners)

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
        thing = self._stored(kind, name).thing
        preconditions.check(kind, thing, uid=uid, version=resource_version)
        if orphan:
            thing = self._with_finalizer(thing)
        if kind == "Pod":
            self._delete_pod(thing, grace_seconds)
        elif thing["metadata"].get("finalizers"):
            self._mark(kind, thing, 0)
        else:
            self._remove(kind, name)

    def finish_pod(self, name: str, uid: str) -> None:
        """The kubelet reports that a deleted pod has stopped; nothing if that pod is no longer the one."""
        thing = self.peek("Pod", name)
        if thing is not None and thing["metadata"]["uid"] == uid and objects.is_going(thing):
            self._remove_or_wait("Pod", thing)

    def release(self, kind: str, name: str, finalizer: str) -> None:
        """A controller takes its finalizer off; a deleted object goes with the last one."""
        found = self._stored(kind, name)
        left = [one for one in found.thing["metadata"].get("finalizers") or [] if one != finalizer]
        meta = {key: value for key, value in found.thing["metadata"].items() if key != "finalizers"}
        new = {**found.thing, "metadata": {**meta, **({"finalizers": left} if left else {})}}
        if objects.is_going(new) and not left and (kind != "Pod" or not new["metadata"]["deletionGracePeriodSeconds"]):
            self._remove(kind, name)
        else:
            self._store(kind, found, new, found.owners)

    def date(self) -> str:
        return f"{self._now():%Y-%m-%dT%H:%M:%SZ}"

    def run_controllers(self, *names: str) -> None:
        """One round of all controllers, or of those named, in the order of controllers.ALL."""
        if self._settled.get(names) != self._news:
            before = self._news
            controllers.run(self, *names)
            # They look at nothing but objects: after a round without a change the next has nothing to do either.
            self._settled[names] = self._news if before == self._news else -1

    # Within

    def _stored(self, kind: str, name: str) -> Stored:
        found = self._tables.get(kind, {}).get(name)
        if found is None:
            raise errors.NotFound(f'{kind}: 404 {kind} "{name}" not found')
        return found

    def _add(self, kind: str, manifest: Json, manager: str, *, dry_run: bool) -> Json:
        thing = {"kind": kind, **preconditions.without_system(manifest)}
        meta = {"name": manifest["metadata"]["name"], "uid": self._new_uid()}
        meta |= {} if kind in _WITHOUT_NAMESPACE else {"namespace": self.namespace}
        thing["metadata"] = {**thing["metadata"], **meta, "creationTimestamp": self.date()}
        thing = admission.created(kind, thing, self.peek_all("StorageClass"))
        if not dry_run:
            stored = Stored(self._numbered(thing), {manager: frozenset(ownership.fields(manifest))})
            self._tables.setdefault(kind, {})[meta["name"]] = stored
            self._tell("ADDED", stored.thing, Change(self._version, None, stored.thing))
            return stored.copy()
        return objects.copied(thing)

    def _update_by(self, manager: str, kind: str, found: Stored, new: Json) -> Json:
        if new is found.thing:
            return found.copy()
        return self._update(kind, found, new, ownership.updated(found.owners, manager, found.thing, new))

    def _update(self, kind: str, found: Stored, new: Json, owners: ownership.Owners, *, dry_run: bool = False) -> Json:
        new = admission.updated(kind, found.thing, new, self.peek_all("StorageClass"))
        if admission.is_counted(kind, found.thing, new):
            new = {**new, "metadata": {**new["metadata"], "generation": new["metadata"]["generation"] + 1}}
        if dry_run:
            return objects.copied(new)
        answer = self._store(kind, found, new, owners)
        if kind != "Pod" and objects.is_going(new) and not new["metadata"].get("finalizers"):
            self._remove(kind, new["metadata"]["name"])
        return answer

    def _store(self, kind: str, found: Stored, new: Json, owners: ownership.Owners) -> Json:
        """Only what differs is written, and gets a new resourceVersion."""
        if (new is found.thing or new == found.thing) and owners == found.owners:
            return found.copy()
        stored = Stored(self._numbered(new), owners)
        self._tables[kind][new["metadata"]["name"]] = stored
        change = Change(self._version, found.thing, stored.thing)
        self._tell("MODIFIED", stored.thing, change, is_news=controllers.is_news(kind, found.thing, new))
        return stored.copy()

    def _numbered(self, thing: Json) -> Json:
        self._version += 1
        numbered = {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self._version)}}
        return numbered | {part: sharing.frozen(numbered.get(part)) for part in _FROZEN.get(thing["kind"], ())}

    def _tell(self, kind: str, thing: Json, change: Change, *, is_news: bool = True) -> None:
        self._news += is_news
        if thing["kind"] in _WATCHED:
            self._changes[thing["kind"]].append(change)
        if self.on_change is not None:
            self.on_change(kind, thing, is_news)

    def _with_finalizer(self, thing: Json) -> Json:
        finalizers = thing["metadata"].get("finalizers") or []
        wanted = finalizers if _ORPHAN in finalizers else [*finalizers, _ORPHAN]
        return {**thing, "metadata": {**thing["metadata"], "finalizers": wanted}}

    def _delete_pod(self, pod: Json, grace_seconds: int | None) -> None:
        """Without a node, or ended, there is nothing to wait for; a later delete can only hurry the first."""
        given = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace_seconds is None else grace_seconds
        if not given or not pod["spec"].get("nodeName") or objects.is_ended(pod):
            self._remove_or_wait("Pod", pod)
        elif not objects.is_going(pod) or given < pod["metadata"]["deletionGracePeriodSeconds"]:
            self._mark("Pod", pod, given)

    def _remove_or_wait(self, kind: str, thing: Json) -> None:
        if thing["metadata"].get("finalizers"):
            self._mark(kind, thing, 0)
        else:
            self._remove(kind, thing["metadata"]["name"])

    def _mark(self, kind: str, thing: Json, grace_seconds: int) -> None:
        found = self._stored(kind, thing["metadata"]["name"])
        gone_at = f"{self._now() + timedelta(seconds=grace_seconds):%Y-%m-%dT%H:%M:%SZ}"
        meta = {"deletionTimestamp": gone_at, "deletionGracePeriodSeconds": grace_seconds, **thing["metadata"]}
        if kind == "Pod":
            meta |= {"deletionTimestamp": gone_at, "deletionGracePeriodSeconds": grace_seconds}
        if "generation" in meta and not objects.is_going(found.thing):
            meta["generation"] += 1
        self._store(kind, found, {**thing, "metadata": meta}, found.owners)

    def _remove(self, kind: str, name: str) -> None:
        found = self._tables[kind].pop(name)
        gone = self._numbered(found.thing)
        self._tell("DELETED", gone, Change(self._version, found.thing, None))
