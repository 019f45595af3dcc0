"""Before a verb changes anything: whether somebody else owns a field of its objects, and would restore it."""

from __future__ import annotations

from collections.abc import Iterable

from mysqlops.core import ownership
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.kube.client import Client
from mysqlops.objects import field_owners

REPLICAS, CLAIM_TEMPLATES = ("spec", "replicas"), ("spec", "volumeClaimTemplates")
DATA = (REPLICAS, CLAIM_TEMPLATES)  # what changes when all members stop and start again on other claims


def check(client: Client, objects: Iterable[tuple[Json, Json | None]]) -> None:
    """Each wanted object with the existing one; raises Refused with every field, its owner, and the way out,
    and with each ConfigMap whose content cannot change."""
    reasons: list[Reason] = []
    for wanted, found in objects:
        if found is not None and (content := ownership.fixed(wanted, found)) is not None:
            reasons.append(content)
            continue
        if found is not None and (opening := field_owners.cut_off(found, wanted)) is not None:
            reasons.append(opening)
        if found is None or not field_owners.has_others(found):
            continue
        try:
            client.apply(wanted, dry_run=True)
        except Refused as refusal:
            reasons += refusal.reasons
    if reasons:
        raise Refused(reasons)


def others(found: Json | None, *paths: tuple[str, ...]) -> list[Reason]:
    """Why a verb may not give these fields of an object other values. For verbs that do not apply it, so that the API
    server refuses nothing: they use the scale subresource, or replace the object."""
    owners = field_owners.held(found, paths) if found is not None else []
    return [field_owners.conflict(found, owners)] if found is not None and owners else []


def refuse(found: Json, *paths: tuple[str, ...]) -> None:
    """Raises Refused for these reasons."""
    if reasons := others(found, *paths):
        raise Refused(reasons)
