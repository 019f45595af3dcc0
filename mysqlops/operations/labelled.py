"""Whether members carry the label that NAME-replicas selects (docs/adr/0060-a-label-for-each-service.md)."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import names, routing
from mysqlops.kube.client import Client
from mysqlops.operations import bundle, own


def may_select_reads(client: Client, name: str) -> bool:
    """One that does already stays as it is. Where somebody deleted it, the members decide, if there are any: `doctor
    --fix` recreates it. A user who may not read the Service does not apply one either."""
    try:
        service = own.find(client, "Service", names.replicas_service(name), name)
    except errors.Forbidden:
        return True
    if service is not None and names.LABEL_READS in (service["spec"].get("selector") or {}):
        return True
    found = client.list_metadata("Pod", names.selector_text(name))
    members = [pod for pod in found if names.is_member(pod["metadata"]["name"], name)]
    if service is None and not members:
        return True
    return routing.carry_reads(members, bundle.build().version)
