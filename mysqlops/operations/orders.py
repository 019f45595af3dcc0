"""Users' orders to the members: annotations of the group's Lease, which every agent reads every few seconds."""

from __future__ import annotations

from typing import Any

from mysqlops.core import names, record
from mysqlops.kube.client import Client


def read(client: Client, cluster: str) -> dict[str, str]:
    """The Lease's annotations; raises NotFound."""
    lease = client.get("Lease", names.group_lease(cluster))
    return dict(lease["metadata"].get("annotations") or {})


def write(client: Client, cluster: str, **orders: Any) -> None:
    """Set orders by the name of their constant (`fenced=…`); an empty value deletes."""
    keys = {
        "fenced": names.ANNOTATION_FENCED,
        "given_up": names.ANNOTATION_GIVEN_UP,
        "stopped": names.ANNOTATION_STOPPED,
        "restarting": names.ANNOTATION_RESTARTING,
        "rebuilding": names.ANNOTATION_REBUILDING,
    }
    annotations = {keys[order]: record.write(value) for order, value in orders.items()}
    client.patch("Lease", names.group_lease(cluster), {"metadata": {"annotations": annotations}})
