"""Who owns the fields of a live object, as its managedFields say; what changes hands when mysqlops applies it. Pure.

kubectl places objects and then does nothing: what it owns of them is taken over. A controller would restore its values.
https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from mysqlops.core import names, typed
from mysqlops.core.typed import Json
from mysqlops.errors import FieldOwner, Reason
from mysqlops.objects import openings

ANY_ITEM = "[]"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# The managers under which kubectl writes whole objects: apply (both ways), create and replace.
_WHOLE = {
    ("kubectl-client-side-apply", "Update"),
    ("kubectl", "Apply"),
    ("kubectl-create", "Update"),
    ("kubectl-replace", "Update"),
}
_CONTENT = ("f:data", "f:stringData", "f:binaryData")
_DEEPEST = 50  # levels of fields; a pod's template has about 15
_NOBODY = "before-first-apply"  # the server's word, once the list of managers is empty
_DEFAULTS = {"protocol": "TCP"}  # of the keys that distinguish list items


def has_others(found: Json) -> bool:
    """Whether anybody but mysqlops and kubectl's placing owns fields, so that applying may be a conflict."""
    return any(_strangers(found))


def held(found: Json, paths: Iterable[Sequence[str]]) -> list[FieldOwner]:
    """Who would restore these fields, or set them and is to be asked: whoever wrote them into the object itself, except
    mysqlops and kubectl's placing. A number that came through the scale subresource is nobody's to keep."""
    return [
        FieldOwner(str(entry.get("manager")), f".{'.'.join(path)}")
        for entry in _strangers(found)
        if entry.get("manager") != _NOBODY
        for path in paths
        if _has(entry.get("fieldsV1") or {}, path)
    ]


def is_own(found: Json, path: Sequence[str]) -> bool:
    """Whether mysqlops applied that field, and nobody filled it in since. Of an object without a list of managers, as
    after somebody cleared it, each field counts as applied. `ANY_ITEM` stands for any item of a list."""
    ours = [entry for entry in _entries(found) if _is_ours(entry)]
    return not ours or any(_holds(entry.get("fieldsV1") or {}, path) for entry in ours)


def _holds(fields: Json, path: Sequence[str]) -> bool:
    if not path:
        return True
    inside = [one for key, one in fields.items() if (key[:2] == "k:" if path[0] == ANY_ITEM else key == f"f:{path[0]}")]
    return any(_holds(one, path[1:]) for one in inside)


def _strangers(found: Json) -> Iterator[Json]:
    """The entries of others who wrote fields into the object itself."""
    for entry in _entries(found):
        if entry.get("manager") != names.FIELD_MANAGER and not entry.get("subresource") and not _is_whole(entry):
            yield entry


def is_taken_over(found: Json, owners: Collection[FieldOwner]) -> bool:
    """Whether kubectl placed the object, and nobody else owns these fields."""
    placed = {entry["manager"] for entry in _entries(found) if _is_whole(entry)}
    return bool(owners) and {owner.manager for owner in owners} <= placed


def handed_over(found: Json, manifest: Json) -> Json | None:
    """The change of metadata by which all that kubectl placed becomes ours; None if there is nothing. Labels and
    annotations that the manifest does not name stay kubectl's."""
    ours: Json = {}
    kept = []
    for entry in _entries(found):
        if _is_whole(entry):
            moved, rest = _split(entry.get("fieldsV1") or {}, manifest)
            ours = _united(ours, moved)
            if rest:
                kept.append({**entry, "fieldsV1": rest})
        elif _is_ours(entry):
            ours = _united(ours, entry.get("fieldsV1") or {})
        else:
            kept.append(entry)
    if not any(_is_whole(entry) and _split(entry.get("fieldsV1") or {}, manifest)[0] for entry in _entries(found)):
        return None
    head = {"manager": names.FIELD_MANAGER, "operation": "Apply", "apiVersion": found["apiVersion"]}
    entries = [*kept, {**head, "fieldsType": "FieldsV1", "fieldsV1": ours}]
    version = found["metadata"]["resourceVersion"]
    return {"managedFields": entries, "annotations": {LAST_APPLIED: None}, "resourceVersion": version}


def removed(found: Json, manifest: Json) -> list[str]:
    """What only kubectl gave the object and mysqlops does not render: it goes when the object is taken over."""
    placed, _, others = _by_owner(found, manifest)
    return list(dict.fromkeys(_unnamed(placed, others, manifest, "")))


def replaced(found: Json, manifest: Json) -> list[str]:
    """The lists that only kubectl owns, each as a whole, and that get other items when the object is taken over. Single
    values are what verbs change, and no news."""
    if manifest["kind"] in openings.LISTS:
        return _openings(found, manifest)
    placed, ours, others = _by_owner(found, manifest)
    return list(dict.fromkeys(_changed(placed, _united(ours, others), (found, manifest), "")))


def cut_off(found: Json, manifest: Json) -> Reason | None:
    """Why a NetworkPolicy or Role that kubectl placed is not taken over: what it admits beside mysqlops' own would be
    cut off. None if nothing would."""
    fields = _openings(found, manifest)
    return conflict(manifest, [FieldOwner("kubectl", field) for field in fields]) if fields else None


def _openings(found: Json, manifest: Json) -> list[str]:
    placed, ours, others = _by_owner(found, manifest)
    lists = [path for path in openings.LISTS.get(manifest["kind"], ()) if openings.is_lost(found, manifest, path)]
    alone = [path for path in lists if _has(placed, path) and not _has(ours, path) and not _has(others, path)]
    return [f".{'.'.join(path)}" for path in alone]


def _has(fields: Json, path: Sequence[str]) -> bool:
    return not path or (f"f:{path[0]}" in fields and _has(fields[f"f:{path[0]}"], path[1:]))


def _by_owner(found: Json, manifest: Json) -> tuple[Json, Json, Json]:
    """The fields that kubectl placed and that would be taken over, mysqlops' own, and everybody else's."""
    placed: Json = {}
    ours: Json = {}
    others: Json = {}
    for entry in _entries(found):
        fields = entry.get("fieldsV1") or {}
        if _is_whole(entry):
            placed = _united(placed, _split(fields, manifest)[0])
        elif _is_ours(entry):
            ours = _united(ours, fields)
        else:
            others = _united(others, fields)
    return placed, ours, others


def applied_over(found: Json) -> list[str]:
    """The fields that `kubectl apply` has changed or added since mysqlops wrote the object: of what it left as it was,
    mysqlops is an owner too. Empty for an object that mysqlops never applied."""
    ours: Json = {}
    placed: Json = {}
    for entry in _entries(found):
        if _is_ours(entry):
            ours = _united(ours, entry.get("fieldsV1") or {})
        elif _is_whole(entry):
            placed = _united(placed, entry.get("fieldsV1") or {})
    placed.pop("f:metadata", None)
    return list(_beyond(placed, ours, "")) if ours else []


def _beyond(fields: Json, ours: Json, path: str) -> Iterator[str]:
    """The topmost fields that are not among ours."""
    for key, inside in fields.items():
        if key[:2] not in ("f:", "k:"):
            continue
        named = f"{path}.{key[2:]}" if key.startswith("f:") else f"{path}[{_shown(key)}]"
        if key not in ours:
            yield named
        else:
            yield from _beyond(inside, ours[key], named)


def are_nobodys(owners: Collection[FieldOwner]) -> bool:
    """Whether the server only guards fields of which it does not know who wrote them: somebody cleared the list."""
    return bool(owners) and {owner.manager for owner in owners} == {_NOBODY}


def conflict(manifest: Json, owners: Sequence[FieldOwner]) -> Reason:
    """What to say and to do about fields that somebody else owns with other values."""
    kind, meta = manifest["kind"], manifest["metadata"]
    managers = " and ".join(dict.fromkeys(owner.manager for owner in owners))
    fields = ", ".join(dict.fromkeys(owner.field for owner in owners))
    where = f" -n {meta['namespace']}" if "namespace" in meta else ""
    clear = (
        f"kubectl patch {kind.lower()} {meta['name']}{where} --type=merge -p "
        """'{"metadata":{"managedFields":[{}]}}'"""
    )
    hint = f"no tool restores that value, so give the field to mysqlops, and run the same command again: {clear}"
    restoring = [owner.manager for owner in owners if not owner.manager.startswith("kubectl")]
    if restoring:
        by_name = " and ".join(dict.fromkeys(map(shlex.quote, restoring)))
        stop = f"stop {by_name} from applying it, or it restores its value (`mysqlops explain gitops`)"
        hint = f"{stop}; then run this, and the same command again: {clear}"
    text = f"{kind} {meta['name']}: {fields} belongs to {managers}, which gave it another value"
    return Reason("field-owner", text, hint)


def _entries(found: Json) -> list[Json]:
    """Whoever may patch an object can write there what they like: what is deeper than any object names no field."""
    entries: list[Json] = found["metadata"].get("managedFields") or []
    return [entry if _is_flat(entry.get("fieldsV1")) else {**entry, "fieldsV1": {}} for entry in entries]


def _is_flat(fields: Any) -> bool:
    level = [fields] if isinstance(fields, dict) else []
    for _ in range(_DEEPEST):
        level = [inside for one in level for inside in one.values() if isinstance(inside, dict) and inside]
        if not level:
            return True
    return False


def _is_whole(entry: Json) -> bool:
    return not entry.get("subresource") and (entry.get("manager"), entry.get("operation")) in _WHOLE


def _is_ours(entry: Json) -> bool:
    head = entry.get("manager"), entry.get("operation"), entry.get("subresource") or ""
    return head == (names.FIELD_MANAGER, "Apply", "")


def _split(fields: Json, manifest: Json) -> tuple[Json, Json]:
    """What of an entry is taken over, and what stays; kubectl's own note of what it applied does neither."""
    # What a Secret holds is its user's: mysqlops renders it empty and would take it away.
    kept = {"f:metadata", *(_CONTENT if manifest["kind"] == "Secret" else ())}
    moved = {key: value for key, value in fields.items() if key not in kept}
    content = {key: value for key, value in fields.items() if key in kept and key != "f:metadata"}
    ours: Json = {}
    theirs: Json = {}
    for section, inside in (fields.get("f:metadata") or {}).items():
        given = manifest["metadata"].get(section.removeprefix("f:")) or {}
        for key, value in inside.items():
            if key in (".", f"f:{LAST_APPLIED}"):
                continue
            side = ours if isinstance(given, dict) and key.removeprefix("f:") in given else theirs
            side.setdefault(section, {})[key] = value
    return moved | ({"f:metadata": ours} if ours else {}), content | ({"f:metadata": theirs} if theirs else {})


def _united(one: Json, other: Json) -> Json:
    both = {key: _united(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **both}


def _unnamed(fields: Json, others: Json, wanted: Any, path: str) -> Iterator[str]:
    """The topmost fields that the manifest does not name and nobody else owns."""
    for key, inside in fields.items():
        if key == "." or key[:2] not in ("f:", "k:"):
            continue
        named = f"{path}.{key[2:]}" if key.startswith("f:") else f"{path}[{_shown(key)}]"
        value = _value(wanted, key)
        if value is not None:
            yield from _unnamed(inside, others.get(key) or {}, value, named)
        elif key not in others:
            yield named


def _changed(fields: Json, others: Json, values: tuple[Any, Any], path: str) -> Iterator[str]:
    """The lists that nobody else owns and whose live items are not the manifest's."""
    inner = {key: one for key, one in fields.items() if key[:2] in ("f:", "k:")}
    live, wanted = values
    if not inner and isinstance(live, list) and live != wanted:
        yield path
    for key, inside in inner.items():
        named = f"{path}.{key[2:]}" if key.startswith("f:") else f"{path}[{_shown(key)}]"
        pair = _value(live, key), _value(wanted, key)
        if None not in pair and (key not in others or _is_parent(inside)):
            yield from _changed(inside, others.get(key) or {}, pair, named)


def _is_parent(fields: Json) -> bool:
    return any(key[:2] in ("f:", "k:") for key in fields)


def _value(wanted: Any, key: str) -> Any:
    if key.startswith("f:"):
        return wanted.get(key[2:]) if isinstance(wanted, dict) else None
    keys = _keys(key)
    items = wanted if isinstance(wanted, list) else []
    same = (item for item in items if all(item.get(word, _DEFAULTS.get(word)) == keys[word] for word in keys))
    return next(same, None)


def _shown(key: str) -> str:
    return ",".join(f'{word}="{value}"' for word, value in _keys(key).items())


def _keys(key: str) -> Json:
    """What distinguishes a list item: `k:{"name":"mysqld"}`."""
    found = typed.json_of(key[2:])
    return found if isinstance(found, dict) else {}
