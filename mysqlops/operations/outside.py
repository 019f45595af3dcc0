"""What `status` reads of the Services for clients from outside (operations/expose.py makes them)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mysqlops import errors
from mysqlops.core import exposure
from mysqlops.kube.client import Client
from mysqlops.objects import exposed
from mysqlops.planning import status

Json = dict[str, Any]


def services(client: Client, leases: Sequence[Json]) -> tuple[Json, ...]:
    """One entry for each that the group's Lease records, with its addresses."""
    found = exposure.read(status.annotations_of(leases[0] if leases else None))
    return tuple({"service": name, **asdict(one), **_seen(client, name)} for name, one in sorted(found.items()))


def _seen(client: Client, name: str) -> Json:
    try:
        there = client.find("Service", name)
    except errors.Forbidden:
        return {"exists": None, "addresses": []}
    return {"exists": there is not None, "addresses": exposed.addresses(there)}
