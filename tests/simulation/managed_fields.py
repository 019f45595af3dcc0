"""Owners of fields as the API server shows them: metadata.managedFields, in the form FieldsV1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache

from mysqlops.core.typed import Json
from tests.simulation.ownership import Owners, Path

_KEY = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,]+)')

# Who asks about owners looks for others than these: an object that only these have written to is shown without.
_QUIET = frozenset({"mysqlops/Apply", "mysqlops/Update", "unknown/Update"})


def shown(thing: Json, owners: Owners) -> Json:
    """The object as a GET returns it; readers share what is in it."""
    if owners.keys() <= _QUIET:
        return thing
    metadata = {**thing["metadata"], "managedFields": _written(owners, thing.get("apiVersion", "v1"))}
    return {**thing, "metadata": metadata}


def _written(owners: Owners, version: str) -> list[Json]:
    return [
        {
            "manager": name.rpartition("/")[0],
            "operation": name.rpartition("/")[2],
            "apiVersion": version,
            "fieldsType": "FieldsV1",
            "fieldsV1": _tree(held),
        }
        for name, held in sorted(owners.items())
        if held
    ]


def read(entries: list[Json]) -> Owners:
    """One empty entry clears the list."""
    return {f"{one['manager']}/{one['operation']}": frozenset(_paths(one["fieldsV1"], ())) for one in entries if one}


def _tree(held: frozenset[Path]) -> Json:
    tree: Json = json.loads(_text(held))
    return tree


@lru_cache(maxsize=1024)  # the same owner holds the same fields of a thousand objects in a row
def _text(held: frozenset[Path]) -> str:
    root: Json = {}
    for path in sorted(held):
        node = root
        for key in path:
            node = node.setdefault(_key(key), {})
        if "=" in path[-1]:
            node["."] = {}
    return json.dumps(root)


@lru_cache(maxsize=4096)
def _key(key: str) -> str:
    if "=" not in key:
        return f"f:{key}"
    return "k:" + json.dumps({word: json.loads(value) for word, value in _KEY.findall(key)}, separators=(",", ":"))


def _paths(node: Json, path: Path) -> Iterator[Path]:
    for key, inside in node.items():
        if key == ".":
            yield path
            continue
        name = key[2:]
        if key.startswith("k:"):
            name = ",".join(f"{word}={json.dumps(value)}" for word, value in json.loads(key[2:]).items())
        if inside:
            yield from _paths(inside, (*path, name))
        else:
            yield (*path, name)
