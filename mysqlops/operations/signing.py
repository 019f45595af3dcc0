"""The keys with which clusters of this namespace seal their backups: the only place that reads them (adr/0027)."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from mysqlops.core import facts, names
from mysqlops.core.backup import BACKUP, SIGNED, Backup, Keys
from mysqlops.errors import Reason, Refused
from mysqlops.kube.client import Client
from mysqlops.operations import vault
from mysqlops.operations.session import Session

Json = dict[str, Any]
ACCEPT = "--accept-unsigned"


def key_of(client: Client, cluster: str) -> str:
    """A cluster's key; empty if it has none: its agents are older, or there is no such cluster here."""
    where = vault.place(client, cluster, names.KEY_BACKUP_KEY)
    return _value(client, where.secret)


def keys(session: Session, snapshots: Iterable[Json], trusted: str | None = None) -> Keys:
    """Those that the clusters have whose backups are listed, and one that the user kept in a Secret of his own."""
    found: dict[str, str] = {}
    for cluster in {str(told.get("cluster")) for _, told in facts.of_kind(list(snapshots), BACKUP)}:
        if names.is_cluster_name(cluster) and (key := key_of(session.client, cluster)):
            found[cluster] = key
    return Keys(session.client.namespace, found, (_must_have(session.client, trusted),) if trusted else ())


def check(chosen: Backup, *, accepted: bool) -> None:
    """Raises Refused for a backup of which nobody here knows who made it, unless the user takes it all the same."""
    if chosen.signed == SIGNED or accepted:
        return
    text = (
        f"{chosen.id}: no key that is here has sealed it, so whoever has the repository's password may have made it: "
        "an older release, a cluster of another namespace or one whose Secret is lost, or somebody else"
    )
    hint = f"if you know its origin: {ACCEPT}; or --signed-by SECRET with the key {names.KEY_BACKUP_KEY} of its cluster"
    raise Refused([Reason("unauthenticated", text, hint)])


def _must_have(client: Client, secret: str) -> str:
    if key := _value(client, secret):
        return key
    text = f"--signed-by {secret}: no such Secret in namespace {client.namespace}, or it has no {names.KEY_BACKUP_KEY}"
    raise Refused([Reason("no-such-secret", text, "kubectl create secret generic NAME --from-file=KEY=FILE")])


def _value(client: Client, secret: str) -> str:
    found = client.find("Secret", secret)
    text = ((found or {}).get("data") or {}).get(names.KEY_BACKUP_KEY, "")
    return base64.b64decode(text).decode().strip()
