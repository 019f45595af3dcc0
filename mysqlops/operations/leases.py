"""The Lease of a cluster's group: the only way to it, since it is known by its name alone.

Anybody may have a Lease of that name, such as a controller that elects a leader. It holds no order and no history of
ours, and is never written over: Refused names it. `observe` alone counts it as missing, so that `status` still works.
"""

from __future__ import annotations

from mysqlops.core import names, ownership
from mysqlops.core.typed import Json
from mysqlops.errors import Refused
from mysqlops.kube.client import Client


def find(client: Client, cluster: str) -> Json | None:
    return checked(client.find("Lease", names.group_lease(cluster)), cluster)


def get(client: Client, cluster: str) -> Json:
    """Raises NotFound, Refused."""
    found = client.get("Lease", names.group_lease(cluster))
    checked(found, cluster)
    return found


def patch(client: Client, cluster: str, change: Json) -> None:
    """Change exactly the Lease that was found to be ours, whatever its version. Raises NotFound, Refused, Conflict."""
    uid = get(client, cluster)["metadata"]["uid"]
    metadata = {**change["metadata"], "uid": uid}
    client.patch("Lease", names.group_lease(cluster), {**change, "metadata": metadata})


def checked(found: Json | None, cluster: str) -> Json | None:
    """The Lease itself; raises Refused if it is not this cluster's."""
    reason = ownership.foreign_lease(found, cluster) if found is not None else None
    if reason is not None:
        raise Refused([reason])
    return found
