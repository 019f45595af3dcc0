"""What `status` reads of the Services for clients from outside (operations/expose.py makes them)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from mysqlops import errors
from mysqlops.core import exposure, routing
from mysqlops.core.exposure import Exposure
from mysqlops.core.typed import Json
from mysqlops.kube.client import Client
from mysqlops.objects import exposed
from mysqlops.planning import status


def services(client: Client, cluster: str, leases: Sequence[Json]) -> tuple[Json, ...]:
    """One entry for each that exists or that the group's Lease records: every member may write there."""
    noted = exposure.read(status.annotations_of(leases[0] if leases else None))
    open_now, admitted = (_marked(client, kind, cluster) for kind in exposed.KINDS)
    found = {*noted, *(open_now or ()), *(admitted or ())}
    return tuple(_entry(name, noted.get(name), open_now, admitted) for name in sorted(found))


def _marked(client: Client, kind: str, cluster: str) -> dict[str, Json] | None:
    """By the Service to which each belongs; None if they may not be read."""
    try:
        return {exposed.opens(manifest): manifest for manifest in client.list(kind, exposed.selector(cluster))}
    except errors.Forbidden:
        return None


def _entry(
    name: str, noted: Exposure | None, open_now: dict[str, Json] | None, admitted: dict[str, Json] | None
) -> Json:
    opened = (open_now or {}).get(name)
    return {
        "service": name,
        **asdict(noted or _as_made(opened)),
        "recorded": noted is not None,
        "exists": None if open_now is None else opened is not None,
        "admits": None if admitted is None else name in admitted,
        "addresses": exposed.addresses(opened),
    }


def _as_made(opened: Json | None) -> Exposure:
    spec = opened["spec"] if opened else {}
    return Exposure(routing.role_selected(spec.get("selector") or {}), spec.get("type", ""))
