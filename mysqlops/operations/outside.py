"""What `status` and a cluster file read of the Services for clients from outside (operations/expose.py makes them)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def opened(client: Client, kind: str, cluster: str) -> dict[str, Json]:
    """The objects of that kind that `expose` made, by the Service to which each belongs; raises Forbidden."""
    return {exposed.opens(manifest): manifest for manifest in client.list(kind, exposed.selector(cluster))}


def requests(
    cluster: str, made: Mapping[str, Json], policies: Mapping[str, Json], annotations: Mapping[str, str]
) -> dict[str, exposed.Request | None]:
    """What somebody asked for who got these objects, by Service; None for what is unfinished, or changed since."""
    noted = exposure.read(annotations)
    return {
        name: exposed.request_of(cluster, made[name], policies[name], noted[name])
        if name in made and name in policies and name in noted
        else None
        for name in sorted({*made, *policies, *noted})
    }


def _marked(client: Client, kind: str, cluster: str) -> dict[str, Json] | None:
    """The same, or None if they may not be read."""
    try:
        return opened(client, kind, cluster)
    except errors.Forbidden:
        return None


def _entry(
    name: str, noted: Exposure | None, open_now: dict[str, Json] | None, admitted: dict[str, Json] | None
) -> Json:
    live = (open_now or {}).get(name)
    return {
        "service": name,
        **asdict(noted or _as_made(live)),
        "recorded": noted is not None,
        "exists": None if open_now is None else live is not None,
        "admits": None if admitted is None else name in admitted,
        "addresses": exposed.addresses(live),
    }


def _as_made(live: Json | None) -> Exposure:
    spec = live["spec"] if live else {}
    return Exposure(routing.role_selected(spec.get("selector") or {}), spec.get("type", ""))
