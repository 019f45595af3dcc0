"""Objects whose names follow from a cluster's name: found and deleted only if they are that cluster's.

Anybody may have given an object of their own such a name. It counts as not there; whoever is to create the cluster's
own in its place is refused (Client.apply, jobs.begin).
"""

from __future__ import annotations

from mysqlops.core import names, ownership
from mysqlops.core.typed import Json
from mysqlops.kube.client import Client


def find(client: Client, kind: str, name: str, cluster: str) -> Json | None:
    found = client.find(kind, name)
    wanted = {"kind": kind, "metadata": {"name": name, "labels": names.selector(cluster)}}
    return None if found is None or ownership.stranger(wanted, found) else found


def delete(client: Client, kind: str, name: str, cluster: str) -> bool:
    """Exactly the object that was found; False if there was none of this cluster's."""
    found = find(client, kind, name, cluster)
    if found is not None:
        client.delete(kind, name, uid=found["metadata"]["uid"])
    return found is not None
