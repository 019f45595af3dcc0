"""Whose an object is: a cluster's by its name and its instance, never by its name alone. Pure."""

from __future__ import annotations

from typing import Any

from mysqlops.core import names
from mysqlops.errors import Reason

Json = dict[str, Any]


def stranger(wanted: Json, found: Json) -> Reason | None:
    """Why an object that exists is not one that this manifest may change; None if it may. A TLS Secret without our
    labels is the user's, or cert-manager's: its name was chosen for this cluster."""
    cluster = (wanted["metadata"].get("labels") or {}).get(names.LABEL_INSTANCE)
    if cluster is None:
        return None
    kind, name = wanted["kind"], wanted["metadata"]["name"]
    labels = found["metadata"].get("labels") or {}
    if labels.get(names.LABEL_NAME) != names.APP_NAME:
        is_users_tls = kind == "Secret" and name == names.tls_secret(cluster) and "data" in found
        text = f"{kind} {name} exists and is not of mysqlops; it was not touched"
        return None if is_users_tls else Reason("foreign-object", text, "choose another NAME")
    owner = labels.get(names.LABEL_INSTANCE, cluster)
    if owner == cluster:
        return None
    text = f"{kind} {name} exists and belongs to cluster {owner}, not to {cluster}; it was not touched"
    return Reason("foreign-object", text, f"one of {owner} and {cluster} needs another name")
