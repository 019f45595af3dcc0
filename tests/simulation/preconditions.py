"""What a request must agree with before it takes effect, and which parts of an object are the server's."""

from __future__ import annotations

from typing import Any

from mysqlops import errors
from mysqlops.core.typed import Json

_GIVEN = ("annotations", "finalizers", "labels", "ownerReferences")


def check(kind: str, thing: Json, *, uid: str | None, version: str | None) -> None:
    """The preconditions of a PUT and of a DELETE."""
    meta = thing["metadata"]
    if uid and uid != meta["uid"]:
        raise errors.Conflict(
            f"{kind}/{meta['name']}: 409 Precondition failed: UID in precondition: {uid}, not in "
            f"object meta: {meta['uid']}"
        )
    if version and version != meta["resourceVersion"]:
        raise errors.Conflict(
            f"{kind}/{meta['name']}: 409 the object has been modified; please apply your changes to the latest version "
            f"and try again (resourceVersion {version}, newest {meta['resourceVersion']})"
        )


def of_patch(kind: str, thing: Json, given: Json) -> None:
    """The preconditions of a PATCH: for it a uid is a field that cannot change, which is no conflict."""
    check(kind, thing, uid=None, version=given.get("resourceVersion"))
    if given.get("uid") and given["uid"] != thing["metadata"]["uid"]:
        raise errors.Invalid(
            f'PATCH {kind}: 422 {kind} "{thing["metadata"]["name"]}" is invalid: metadata.uid: Invalid value: '
            f'"{given["uid"]}": field is immutable'
        )


def of_scale(change: Json) -> Json:
    """What of a change to the `scale` subresource takes effect: the number, under the version that it names."""
    version = change.get("metadata", {}).get("resourceVersion")
    meta = {"metadata": {"resourceVersion": version}} if version else {}
    return {**meta, "spec": {"replicas": change["spec"]["replicas"]}}


def without_nulls(value: Any) -> Any:
    """What a client sends as null is not given; only a merge patch means something by it. What is frozen has none."""
    kind = type(value)
    if kind is dict:
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if kind is list else value


def without_system(manifest: Json) -> Json:
    """Of metadata only what users give."""
    meta = manifest["metadata"]
    return {**manifest, "metadata": {key: meta[key] for key in _GIVEN if key in meta}}


def system_of(thing: Json) -> Json:
    """Of metadata only what the server keeps."""
    return {key: value for key, value in thing["metadata"].items() if key not in _GIVEN}
