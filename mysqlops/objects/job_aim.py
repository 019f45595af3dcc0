"""What a Job is aimed at, and which pods are its own. Pure.

A Job that has ended stays for a while, under a name that its successor has too. Its success counts only for the claim
that it filled, which its annotation names by UID: a new claim of the same name is empty. Its pods are those that it
controls: labels and names are copied easily, and pods of an earlier Job of the name may still exist.
"""

from __future__ import annotations

from collections.abc import Iterable

from mysqlops.core import names
from mysqlops.core.typed import Json

ANNOTATION = f"{names.DOMAIN}/aim"  # on a Job: the UID of the claim that it fills


def put(job: Json, claim: Json) -> None:
    """Aim a Job that is about to be created at this very claim, in place."""
    job["metadata"].setdefault("annotations", {})[ANNOTATION] = claim["metadata"]["uid"]


def differs(found: Json, wanted: Json) -> bool:
    """Whether an existing Job fills another claim than the wanted one, or one that nobody knows."""
    aim = _aim(wanted)
    return bool(aim) and _aim(found) != aim


def _aim(job: Json) -> str:
    return str((job["metadata"].get("annotations") or {}).get(ANNOTATION, ""))


def owner(pod: Json) -> Json | None:
    """The reference to the Job that controls this pod."""
    references = pod["metadata"].get("ownerReferences") or []
    return next(
        (reference for reference in references if reference["kind"] == "Job" and reference.get("controller")), None
    )


def pods_of(job: Json, pods: Iterable[Json]) -> list[Json]:
    uid = job["metadata"]["uid"]
    return [pod for pod in pods if (found := owner(pod)) is not None and found["uid"] == uid]


def pods_of_name(name: str, pods: Iterable[Json]) -> list[Json]:
    """Also those of earlier Jobs of that name."""
    return [pod for pod in pods if (found := owner(pod)) is not None and found["name"] == name]
