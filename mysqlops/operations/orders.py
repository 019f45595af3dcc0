"""Users' orders to the members: annotations of the group's Lease, which every agent watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from mysqlops.core import exposure, names, ordered, typed
from mysqlops.errors import Conflict, NotFound
from mysqlops.kube.client import Client
from mysqlops.objects import claims
from mysqlops.operations import leases
from mysqlops.planning import status

Edit = Callable[[Mapping[str, str]], Mapping[str, Any]]  # the Lease's annotations -> orders by their names in `_KEYS`


def read(client: Client, cluster: str) -> dict[str, str]:
    """The Lease's annotations; raises NotFound."""
    lease = leases.get(client, cluster)
    return dict(lease["metadata"].get("annotations") or {})


_TRIES = 8  # agents and other commands write to the Lease, each once in seconds
_KEYS = {
    "fenced": names.ANNOTATION_FENCED,
    "stopped": names.ANNOTATION_STOPPED,
    "restarting": names.ANNOTATION_RESTARTING,
    "rebuilding": names.ANNOTATION_REBUILDING,
    "filling": names.ANNOTATION_FILLING,
    "recreating": names.ANNOTATION_RECREATING,
    "setting": names.ANNOTATION_SETTING,
    "rotated": names.ANNOTATION_ROTATED,
    "renewed": names.ANNOTATION_RENEWED,
    "deleted": names.ANNOTATION_DELETED,
    "applying": names.ANNOTATION_APPLYING,
    "exposed": exposure.ANNOTATION,
}


def read_one(client: Client, cluster: str, order: str) -> Any:
    """One order's value, or None."""
    return value_of(read(client, cluster), order)


def value_of(annotations: Mapping[str, str], order: str) -> Any:
    return typed.json_of(annotations.get(_KEYS[order]))


def call_off(client: Client, cluster: str, now: datetime) -> None:
    """The orders of commands that are over: to leave the group (planning/departure.py), where they deleted no claim;
    and to rebuild, if nobody obeyed for a day. A member whose claim goes keeps its order, as does one that waits for a
    backup. An order without a date is of another release, which may know what it means."""

    def of_the_living(annotations: Mapping[str, str]) -> dict[str, Any]:
        dated = {pod for pod, at in ordered.expired(annotations, now).items() if at}
        over = dated - ordered.filling(annotations).keys()
        if not over and not ordered.leaving(annotations):
            return {}
        notes = ordered.rebuild_notes(annotations)
        going = _going(client) if over else set()
        kept = {pod: note for pod, note in notes.items() if not isinstance(note, dict) or note.get("uid")}
        return {"rebuilding": {pod: note for pod, note in kept.items() if pod not in over or _uid(note) in going}}

    with suppress(NotFound):
        change(client, cluster, of_the_living)


def _uid(note: Any) -> str:
    return str(note.get("uid", "") if isinstance(note, dict) else note)


def _going(client: Client) -> set[str]:
    """The UIDs of claims in deletion."""
    return {claim["metadata"]["uid"] for claim in client.list("PersistentVolumeClaim") if claims.is_going(claim)}


def runs_again(client: Client, cluster: str) -> None:
    """Withdraws the note of `delete`, once the StatefulSet exists again."""
    with suppress(NotFound):
        change(client, cluster, lambda _: {"deleted": None})


def change(client: Client, cluster: str, edit: Edit) -> None:
    """Set the orders that `edit` makes of the Lease's annotations. They are read and written as one: if somebody else
    wrote meanwhile, they are read again, so that a late write takes nobody's order back. Raises Conflict."""
    for _ in range(_TRIES):
        with suppress(Conflict):
            _change(client, cluster, edit)
            return
    _change(client, cluster, edit)


def _change(client: Client, cluster: str, edit: Edit) -> None:
    lease = leases.get(client, cluster)
    before = status.annotations_of(lease)
    wanted = {_KEYS[order]: ordered.write(value) for order, value in edit(before).items()}
    if any(before.get(key) != text for key, text in wanted.items()):
        metadata = {"resourceVersion": lease["metadata"]["resourceVersion"], "annotations": wanted}
        client.patch("Lease", names.group_lease(cluster), {"metadata": metadata})


def write(client: Client, cluster: str, **orders: Any) -> None:
    """Set orders by their names in `_KEYS`, whatever they were; an empty value deletes the order."""
    annotations = {_KEYS[order]: ordered.write(value) for order, value in orders.items()}
    leases.patch(client, cluster, {"metadata": {"annotations": annotations}})
