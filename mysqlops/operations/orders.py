"""Users' orders to the members: annotations of the group's Lease, which every agent reads every few seconds."""

from __future__ import annotations

import json
from typing import Any

from mysqlops.core import names, record
from mysqlops.kube.client import Client
from mysqlops.planning import status


def read(client: Client, cluster: str) -> dict[str, str]:
    """The Lease's annotations; raises NotFound."""
    lease = client.get("Lease", names.group_lease(cluster))
    return dict(lease["metadata"].get("annotations") or {})


_KEYS = {
    "fenced": names.ANNOTATION_FENCED,
    "stopped": names.ANNOTATION_STOPPED,
    "restarting": names.ANNOTATION_RESTARTING,
    "rebuilding": names.ANNOTATION_REBUILDING,
    "filling": names.ANNOTATION_FILLING,
    "recreating": names.ANNOTATION_RECREATING,
    "setting": names.ANNOTATION_SETTING,
    "rotated": names.ANNOTATION_ROTATED,
    "applying": names.ANNOTATION_APPLYING,
}


def read_one(client: Client, cluster: str, order: str) -> Any:
    """One order's value, or None."""
    text = read(client, cluster).get(_KEYS[order])
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def call_off(client: Client, cluster: str) -> None:
    """The orders to leave the group (planning/departure.py) of a command that is over, and deleted no claim."""
    lease = client.find("Lease", names.group_lease(cluster))
    annotations = status.annotations_of(lease)
    if record.leaving(annotations):
        notes = json.loads(annotations[names.ANNOTATION_REBUILDING])
        left = {pod: note for pod, note in notes.items() if not isinstance(note, dict) or note.get("uid")}
        if left != notes:
            write(client, cluster, rebuilding=left)


def write(client: Client, cluster: str, **orders: Any) -> None:
    """Set orders by their names in `_KEYS`; an empty value deletes the order."""
    annotations = {_KEYS[order]: record.write(value) for order, value in orders.items()}
    client.patch("Lease", names.group_lease(cluster), {"metadata": {"annotations": annotations}})
