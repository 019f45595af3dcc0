"""The objects of a drill that have a name derived from the cluster's: written and deleted only if a drill made them."""

from __future__ import annotations

from mysqlops.drill.plan import objects
from mysqlops.errors import Reason, Refused
from mysqlops.kube.client import Client


def check(client: Client, kind: str, name: str) -> None:
    """Raises Refused if somebody else has an object of that name."""
    found = client.find(kind, name)
    if found is not None and not objects.is_of_drill(found):
        text = f"{kind} {name} exists, and no drill created it; it was not touched"
        raise Refused([Reason("foreign-object", text, "delete or rename it")])


def delete(client: Client, kind: str, name: str) -> None:
    """Deletes nothing of somebody else's."""
    found = client.find(kind, name)
    if found is not None and objects.is_of_drill(found):
        client.delete(kind, name, uid=found["metadata"]["uid"])
