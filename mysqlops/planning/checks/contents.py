"""Whether the ConfigMaps that members start with hold what this release wrote there: the program, scripts and settings.
Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mysqlops.core.typed import Json
from mysqlops.objects import render
from mysqlops.planning.checks.model import Facts, Found, Map

_CONTENT = ("data", "binaryData")


def contents(facts: Facts) -> list[Found]:
    found = [_changed(facts.name, one, keys) for one in facts.maps if (keys := list(_different(one)))]
    for one in facts.maps:
        for why in one.refused:
            fix = f"find out who wrote it; then mysqlops config set {facts.name} --unset"
            found.append((f"ConfigMap {one.name} has a setting that no command sets", why, fix))
        if one.found is not None and one.wanted.get("immutable") and not one.found.get("immutable"):
            seen = "a change would reach members that run"
            found.append((f"ConfigMap {one.name} is not immutable", seen, f"mysqlops upgrade {facts.name}"))
    return found


def _changed(cluster: str, one: Map, keys: list[str]) -> Found:
    see = f"kubectl get configmap {one.name} -o yaml --show-managed-fields says who wrote it"
    fix = f"{see}; mysqlops upgrade {cluster} puts back what differs, and restart replaces pods that started with it"
    return (
        f"ConfigMap {one.name} holds something else than this release wrote there",
        f"differs: {', '.join(keys)}",
        fix,
    )


def _different(one: Map) -> Iterator[str]:
    """Keys with another value, and keys that are nobody's of ours. A missing object is another check's."""
    for part in _CONTENT if one.found is not None else ():
        wanted, there = (_part(of, part) for of in (one.wanted, one.found or {}))
        for key in sorted(wanted.keys() | there.keys() - {render.PREVIOUS_CNF}):
            if wanted.get(key) != there.get(key):
                yield key


def _part(of: Json, part: str) -> Json:
    found: Json = of.get(part) or {}
    return found
