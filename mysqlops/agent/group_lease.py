"""The Lease of the group as members read it: one that is not their cluster's orders nothing (core/ownership.py)."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.agent import api
from mysqlops.core import names, ownership
from mysqlops.core.typed import Json


def read(client: api.Api, cluster: str) -> Json:
    """Raises KubeError, also if somebody else has taken the name: to members, the API server is away then."""
    name = names.group_lease(cluster)
    found = client.get("coordination.k8s.io/v1", "leases", name)
    if ownership.foreign_lease(found, cluster) is not None:
        raise errors.KubeError(f"Lease {name} is not of cluster {cluster}")
    return found
