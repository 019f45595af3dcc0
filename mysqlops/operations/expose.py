"""Services for clients from outside: they are recorded first, named in the certificate next, and opened last, so that a
command killed in between leaves nothing open, and the same command again finishes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from mysqlops.core import exposure, names
from mysqlops.core.exposure import Exposure
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.kube.client import Client
from mysqlops.objects import exposed
from mysqlops.objects.exposed import Request
from mysqlops.operations import leases, observe, orders, tls, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import status


def expose(session: Session, name: str, request: Request, *, wait: bool) -> list[str]:
    """Create or change the Service; its addresses, none if it has none yet. Raises Refused or WaitTimeout."""
    client = session.client
    observe.judged(session, name)
    made = check(session, name, request)
    before = exposure.read(orders.read(client, name)).get(request.service)
    is_signed = not request.hostname or (before is not None and before.signed and before.hostname == request.hostname)
    noted = Exposure(request.role, request.type, request.hostname, is_signed)
    _note(session, name, request.service, noted)
    if not is_signed:
        try:
            tls.rotate(session, name, "certificate", [request.hostname])
        except Refused:
            _note(session, name, request.service, before)
            raise
        _note(session, name, request.service, Exposure(request.role, request.type, request.hostname, True))
    for manifest in made:
        client.apply(manifest)
    if wait:
        waiting.until(session, _looks(session, request.service), hint=f"kubectl describe service {request.service}")
    return exposed.addresses(client.find("Service", request.service))


def check(session: Session, name: str, request: Request) -> tuple[Json, Json]:
    """The two objects; raises what the API server would refuse, before anything is changed."""
    client = session.client
    _check_free(session, name, request.service)
    made = exposed.policy(name, client.namespace, request), exposed.service(name, client.namespace, request)
    for manifest in made:
        client.apply(manifest, dry_run=True)
    return made


def _looks(session: Session, service: str) -> Callable[[], waiting.Pending | None]:
    def look() -> waiting.Pending | None:
        if exposed.addresses(session.client.find("Service", service)):
            return None
        return waiting.Pending(f"an address for Service {service}")

    return look


def remove(session: Session, name: str, service: str) -> bool:
    """Close it again, whatever the Lease says; False if there is none. Host names leave the certificate when that is
    renewed."""
    client = session.client
    found = to_delete(client, name, service)
    for kind, one in found:
        client.delete(kind, one["metadata"]["name"], uid=one["metadata"]["uid"])
    is_noted = service in exposure.read(status.annotations_of(leases.find(client, name)))
    if is_noted:
        _note(session, name, service, None)
    return bool(found) or is_noted


def to_delete(client: Client, name: str, service: str) -> list[tuple[str, Json]]:
    """The objects of a Service, each with its kind."""
    existing = [(kind, manifest) for kind in exposed.KINDS for manifest in client.list(kind, exposed.selector(name))]
    return [(kind, one) for kind, one in existing if exposed.opens(one) == service]


def _note(session: Session, name: str, service: str, noted: Exposure | None) -> None:
    def edit(annotations: Any) -> dict[str, Any]:
        found = exposure.read(annotations)
        kept = {one: asdict(other) for one, other in found.items() if one != service}
        return {"exposed": kept | ({service: asdict(noted)} if noted else {})}

    orders.change(session.client, name, edit)


def _check_free(session: Session, name: str, service: str) -> None:
    for kind, one in (("Service", service), ("NetworkPolicy", exposed.policy_of(service))):
        found = session.client.find(kind, one)
        if found is not None and not _is_ours(found, name, service):
            text = f"{kind} {one} exists and was not made by `mysqlops expose {name}`"
            raise Refused([Reason("service-taken", text, "choose another name for SERVICE")])


def _is_ours(found: Json, name: str, service: str) -> bool:
    """Whether `expose` made it for this Service of this cluster."""
    labels = found["metadata"].get("labels") or {}
    return names.selector(name).items() <= labels.items() and exposed.opens(found) == service
