"""Who owns which field: server-side apply, with field sets of our own making.

A path is a tuple of keys; an item of a list with merge keys stands in it by these keys, as `name="mysqld"`. A leaf is a
scalar, an atomic list or map, or an empty map. https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from mysqlops import errors
from mysqlops.core.typed import Json

Path = tuple[str, ...]
Owners = Mapping[str, frozenset[Path]]
_MISSING = object()

# The keys by which the items of a list are told apart; a list that is not here is atomic.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
_CONTAINER_PORT, _SERVICE_PORT = ("containerPort", "protocol"), ("port", "protocol")
_DEFAULTS = {"protocol": "TCP"}
_ATOMIC = frozenset({"selector", "labelSelector", "nodeSelector", "fieldRef", "secretKeyRef", "configMapKeyRef"})
# What the server itself keeps, and nobody owns.
_SYSTEM = frozenset(
    {
        *("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields"),
        *("name", "namespace", "resourceVersion", "uid"),
    }
)


def fields(manifest: Json) -> dict[Path, Any]:
    """Every field that a manifest speaks of, with its value."""
    found: dict[Path, Any] = {}
    for key, value in manifest.items():
        if key == "metadata":
            _collect({one: value[one] for one in value if one not in _SYSTEM}, (key,), found)
        elif key not in ("apiVersion", "kind", "status"):
            _collect({key: value}, (), found)
    found.pop(("metadata",), None)
    return found


def _collect(value: Any, path: Path, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and not _is_atomic(path):
        if not value and path:
            found[path] = value
        for key, inner in value.items():
            _collect(inner, (*path, key), found)
    elif isinstance(value, list) and _keys(path, value):
        for item, name in _items(path, value):
            found[(*path, name)] = _MISSING  # that there is such an item is a fact of its own
            _collect(item, (*path, name), found)
    else:
        found[path] = value


def _is_atomic(path: Path) -> bool:
    return bool(path) and path[-1] in _ATOMIC


def _keys(path: Path, value: list[Any]) -> tuple[str, ...]:
    """By which keys the items of this list are told apart; none if it is atomic."""
    if not value or not all(isinstance(item, dict) for item in value):
        return ()
    if path[-1] == "ports":
        return _SERVICE_PORT if path == ("spec", "ports") else _CONTAINER_PORT
    return _KEYS.get(path[-1], ())


def _items(path: Path, value: list[Any]) -> Iterator[tuple[Json, str]]:
    keys = _keys(path, value)
    for item in value:
        yield item, ",".join([f"{key}={_written(item.get(key, _DEFAULTS.get(key)))}" for key in keys])


_written = lru_cache(maxsize=4096, typed=True)(json.dumps)  # 1 and True are equal, and written differently


def changed(old: Json, new: Json) -> set[Path]:
    """The fields in which two objects differ; what they share is not looked at."""
    found: set[Path] = set()
    for key in old.keys() | new.keys():
        if key not in ("status", "apiVersion", "kind"):
            _compare(old.get(key, _MISSING), new.get(key, _MISSING), (key,), found)
    return found


def _compare(old: Any, new: Any, path: Path, found: set[Path]) -> None:
    if old is new:
        return
    if type(old) is str and type(new) is str:
        if old != new:
            found.add(path)
    elif isinstance(old, dict) and isinstance(new, dict) and not _is_atomic(path):
        _compare_maps(old, new, path, found)
    else:
        before, after = _leaves(old, path), _leaves(new, path)
        found.update(one for one in before.keys() | after.keys() if not _same(before, after, one))


def _compare_maps(old: Json, new: Json, path: Path, found: set[Path]) -> None:
    own = _SYSTEM if path == ("metadata",) else ()
    for key, value in new.items():
        if key not in own:
            _compare(old.get(key, _MISSING), value, (*path, key), found)
    for key, value in old.items():
        if key not in new and key not in own:
            _compare(value, _MISSING, (*path, key), found)


def _leaves(value: Any, path: Path) -> dict[Path, Any]:
    found: dict[Path, Any] = {}
    if value is not _MISSING:
        _collect(value, path, found)
    return found


def _same(before: Mapping[Path, Any], after: Mapping[Path, Any], path: Path) -> bool:
    return path in before and path in after and before[path] == after[path]


def updated(owners: Owners, manager: str, old: Json, new: Json) -> Owners:
    """After an update: what it changed belongs to it, and to nobody else."""
    paths = changed(old, new)
    if not paths:
        return owners
    kept = {name: held if held.isdisjoint(paths) else held - paths for name, held in owners.items()}
    gone = {path for path in paths if value_at(new, path) is None}
    mine = kept.get(manager, frozenset())
    if not (wanted := paths - gone) <= mine:
        kept[manager] = mine | wanted
    return kept


def conflicts(owners: Owners, manager: str, live: Json, wanted: Mapping[Path, Any]) -> list[tuple[str, Path]]:
    """The fields that another manager owns with another value, and that manager."""
    found = []
    for name, held in sorted(owners.items()):
        if name != manager:
            shared = sorted(path for path in held if path in wanted)
            found += [(name, path) for path in shared if not _agrees(live, path, wanted[path])]
    return found


def without(owners: Owners, taken: list[tuple[str, Path]]) -> Owners:
    """After somebody has taken these fields from their owners."""
    return {name: held - {path for owner, path in taken if owner == name} for name, held in owners.items()}


def conflict(call: str, against: list[tuple[str, Path]]) -> errors.Conflict:
    found = [errors.FieldOwner(name.partition("/")[0], text(path)) for name, path in against]
    who = ", ".join(f'conflict with "{one.manager}": {one.field}' for one in found)
    return errors.Conflict(f"{call}: 409 Apply failed with {len(found)} conflict(s): {who}", owners=found)


def _agrees(live: Json, path: Path, value: Any) -> bool:
    if value is _MISSING or value == {}:
        return True
    return bool(value_at(live, path) == value)


def applied(live: Json, manifest: Json, dropped: frozenset[Path]) -> Json:
    """The live object with the manifest on it and without the fields that were dropped."""
    body = {key: value for key, value in manifest.items() if key != "status"}
    result: Json = _merge(_without(live, dropped, ()), body, ())
    return result


def _merge(live: Any, wanted: Any, path: Path) -> Any:
    if isinstance(wanted, dict) and isinstance(live, dict) and not _is_atomic(path):
        result = dict(live)
        for key, value in wanted.items():
            result[key] = _merge(live.get(key), value, (*path, key))
        return result if result != live else live
    if isinstance(wanted, list) and isinstance(live, list) and _keys(path, wanted):
        return _merge_list(live, wanted, path)
    return live if live == wanted else wanted


def _merge_list(live: list[Any], wanted: list[Any], path: Path) -> list[Any]:
    """In the manifest's order, then what only others put there."""
    there = {name: item for item, name in _items(path, live)} if _keys(path, live) else {}
    named = list(_items(path, wanted))
    result = [_merge(there.get(name), item, (*path, name)) for item, name in named]
    own = {name for _, name in named}
    result += [item for name, item in there.items() if name not in own]
    return live if result == live else result


def _without(value: Any, dropped: frozenset[Path], path: Path) -> Any:
    """Without the dropped fields; a map or list that became empty goes as well."""
    if not any(one[: len(path)] == path for one in dropped):
        return value
    if isinstance(value, dict):
        kept = {key: _without(inner, dropped, (*path, key)) for key, inner in value.items()}
        gone = {key for key in kept if (*path, key) in dropped or (kept[key] in ({}, []) and value[key])}
        return {key: inner for key, inner in kept.items() if key not in gone}
    if isinstance(value, list) and _keys(path, value):
        return [
            _without(item, dropped, (*path, name)) for item, name in _items(path, value) if (*path, name) not in dropped
        ]
    return value


def dropped(owners: Owners, manager: str, wanted: Mapping[Path, Any]) -> frozenset[Path]:
    """What the manager applied before, no longer applies, and nobody else owns (an item: nothing within it either)."""
    before = owners.get(manager, frozenset()) - wanted.keys()
    others: set[Path] = set()
    for name, held in owners.items():
        if name != manager:
            others.update(held)
    parents = {path[:length] for path in others for length in range(1, len(path) + 1)} if before else set()
    mine = {path[:length] for path in wanted for length in range(1, len(path) + 1)} if before else set()
    return frozenset(path for path in before if path not in parents and path not in mine)


def value_at(thing: Any, path: Path) -> Any:
    """The value at a path; None if there is none."""
    for depth, key in enumerate(path):
        if isinstance(thing, list):
            thing = {name: item for item, name in _items(path[:depth], thing)} if _keys(path[:depth], thing) else {}
        if not isinstance(thing, dict):
            return None
        thing = thing.get(key)
    return thing


def text(path: Path) -> str:
    """A path as the API server writes it."""
    return "".join(f"[{key}]" if "=" in key else f".{key}" for key in path)
