"""Objects of the API as values: copies, merge patches, label selectors. A stored object is never changed in place."""

from __future__ import annotations

import json
import marshal
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from mysqlops.core.typed import Json
from tests.simulation import sharing

Test = Callable[[Mapping[str, str]], bool]
_IN = re.compile(r"^(\S+) (in|notin) \(([^)]*)\)$")
# A comma between requirements, not one inside brackets.
_BETWEEN = re.compile(r",(?![^(]*\))")


_SCALARS = frozenset({str, int, bool, float, type(None)})
_SHARED = frozenset({sharing.Frozen, sharing.FrozenList})


def received(value: Any) -> Any:
    """What a client sends, as it arrives: only JSON crosses the wire. What is frozen needs no copy."""
    kind = type(value)
    if kind in _SCALARS or kind in _SHARED:
        return value
    if kind is dict and all(type(key) is str for key in value):
        return {key: received(inner) for key, inner in value.items()}
    return [received(inner) for inner in value] if kind is list else json.loads(json.dumps(value))


def packed(thing: Json) -> bytes:
    """An object ready to be unpacked many times; marshal is three times quicker than JSON. What is frozen is left out,
    and shared; nothing if there is nothing else."""
    rest = {key: value for key, value in thing.items() if type(value) not in _SHARED}
    if all(type(value) is str for value in rest.values()):
        return b""
    try:
        return marshal.dumps(rest)
    except ValueError:  # something frozen lies deeper
        return marshal.dumps(json.loads(json.dumps(rest)))


def unpacked(data: bytes, thing: Json) -> Json:
    """A copy of the object that was packed."""
    if not data:
        return dict(thing)
    copy: Json = marshal.loads(data)  # noqa: S302 (our own bytes)
    for key, value in thing.items():
        if type(value) in _SHARED:
            copy[key] = value
    return copy


def copied(thing: Json) -> Json:
    """A deep copy, but for what is frozen."""
    return unpacked(packed(thing), thing)


def merged(target: Any, change: Any) -> Any:
    """RFC 7396; shares with the target what is the same, and returns the target itself if nothing changes."""
    if not isinstance(change, dict):
        return change
    base = target if isinstance(target, dict) else {}
    news = {key: merged(base.get(key), value) for key, value in change.items()}
    news = {key: new for key, new in news.items() if _is_news(base, key, new)}
    if not news and base is target:
        return target
    return {key: value for key, value in {**base, **news}.items() if value is not None}


def _is_news(base: Json, key: str, new: Any) -> bool:
    old = base.get(key)
    return old is not new and (old != new or isinstance(old, bool) is not isinstance(new, bool))


def labels_of(thing: Json) -> Mapping[str, str]:
    return thing["metadata"].get("labels") or {}


@lru_cache(maxsize=1024)
def selects(selector: str) -> Test:
    """A label selector as a predicate: `a=b`, `a!=b`, `a`, `!a`, `a in (x,y)`, `a notin (x)`, all of them."""
    tests = [_requirement(one.strip()) for one in _BETWEEN.split(selector) if one.strip()]
    return lambda labels: all(test(labels) for test in tests)


def _requirement(text: str) -> Test:
    if found := _IN.match(text):
        key, values = found[1], {value.strip() for value in found[3].split(",")}
        return (lambda has: has.get(key) in values) if found[2] == "in" else (lambda has: has.get(key) not in values)
    if "!=" in text:
        key, _, unwanted = text.partition("!=")
        return lambda has: has.get(key) != unwanted
    if "=" in text:
        key, _, wanted = text.replace("==", "=").partition("=")
        return lambda has: has.get(key) == wanted
    if text.startswith("!"):
        return lambda has: text[1:] not in has
    return lambda has: text in has


def matches(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """A selector of an object's spec (matchLabels); an empty one of a StatefulSet matches nothing here."""
    wanted = (selector or {}).get("matchLabels") or {}
    return bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


def owner_of(thing: Json) -> Json | None:
    """The reference to the controller that owns it."""
    owners = thing["metadata"].get("ownerReferences") or []
    return next((one for one in owners if one.get("controller")), None)


def is_going(thing: Json) -> bool:
    return "deletionTimestamp" in thing["metadata"]


def is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def is_ended(pod: Json) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def claims_of(pod: Json) -> list[str]:
    """The names of the claims that a pod uses."""
    volumes = pod.get("spec", {}).get("volumes") or []
    return [one["persistentVolumeClaim"]["claimName"] for one in volumes if "persistentVolumeClaim" in one]
