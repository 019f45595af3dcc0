"""The objects that a member needs at its start and that no agent reports as missing."""

from __future__ import annotations

from functools import partial

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.kube.client import Client
from mysqlops.objects import render


def objects(name: str) -> list[tuple[str, str]]:
    """Those whose names follow from the cluster's, so that they can be looked for before anything is known of it."""
    services = [("Service", service) for service in (name, names.primary_service(name), names.replicas_service(name))]
    return [*services, *((kind, name) for kind in ("ServiceAccount", "Role", "RoleBinding"))]


def missing_maps(client: Client, stateful_set: Json) -> list[tuple[str, str]]:
    """The ConfigMaps that the StatefulSet names."""
    in_use = render.in_use_of(stateful_set)
    maps = [("ConfigMap", name) for name in (in_use.config, in_use.agent)]
    answers = client.together([partial(may_be_there, client, *config_map) for config_map in maps])
    return [one for one, is_there in zip(maps, answers, strict=True) if not is_there]


def may_be_there(client: Client, kind: str, name: str) -> bool:
    """Objects that the user may not read are not known to be missing."""
    try:
        return client.find(kind, name) is not None
    except errors.Forbidden:
        return True
