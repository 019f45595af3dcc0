"""Server-side apply under mysqlops' field manager: whose object it is, who owns its fields, and what then.

Every object that mysqlops applies passes here. What kubectl placed is taken over (docs/adr/0045-who-owns-a-field.md);
a field of anybody else is never overwritten.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

from mysqlops import errors
from mysqlops.core import ownership
from mysqlops.core.typed import Json
from mysqlops.objects import field_owners

# Of what is created: strict about fields that the API server does not know and otherwise drops.
DRY_RUN = {"dryRun": "All", "fieldValidation": "Strict"}
_TRIES = 5  # each time somebody else changed the object meanwhile: its controller's status, an agent's annotation


class Api(Protocol):
    """What applying needs of the client."""

    warn: Callable[[str], None]

    def find(self, kind: str, name: str) -> Json | None: ...

    def patch(self, kind: str, name: str, change: Json) -> Json: ...

    def send_apply(self, manifest: Json, *, dry_run: bool, force: bool = False) -> Json: ...


def apply(api: Api, manifest: Json) -> Json:
    """Raises Conflict for a field of another manager, Refused for an object of another cluster."""
    found = live(api, manifest)
    for _ in range(_TRIES):
        change = field_owners.handed_over(found, manifest) if found is not None else None
        if found is None or change is None:
            break
        gone, replaced = field_owners.removed(found, manifest), field_owners.replaced(found, manifest)
        with contextlib.suppress(errors.Conflict):
            api.patch(manifest["kind"], manifest["metadata"]["name"], {"metadata": change})
            _warn(api, manifest, gone, replaced)
            break
        found = live(api, manifest)
    try:
        return api.send_apply(manifest, dry_run=False)
    except errors.Conflict as conflict:
        if field_owners.are_nobodys(conflict.owners):
            return api.send_apply(manifest, dry_run=False, force=True)
        if not conflict.owners:
            raise
        reason = field_owners.conflict(manifest, conflict.owners)
        raise errors.Conflict(reason.message, hint=reason.hint, owners=conflict.owners) from conflict


def rehearse(api: Api, manifest: Json) -> Json:
    """What `apply` would make of the object, without changing it; raises Refused where `apply` raises Conflict."""
    found = live(api, manifest)
    try:
        return api.send_apply(manifest, dry_run=True)
    except errors.Conflict as conflict:
        if not conflict.owners:
            raise
        is_ours = found is not None and field_owners.is_taken_over(found, conflict.owners)
        if is_ours or field_owners.are_nobodys(conflict.owners):
            return api.send_apply(manifest, dry_run=True, force=True)
        raise errors.Refused([field_owners.conflict(manifest, conflict.owners)]) from conflict


def live(api: Api, manifest: Json) -> Json | None:
    """The object of a cluster, if it exists; raises Refused if it is another cluster's or nobody's of ours, or if it is
    immutable and holds something else."""
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    found = api.find(kind, name) if ownership.is_of_a_cluster(manifest) else None
    if found is None:
        return None
    if (reason := ownership.stranger(manifest, found) or ownership.fixed(manifest, found)) is not None:
        raise errors.Refused([reason])
    return found


def _warn(api: Api, manifest: Json, gone: list[str], replaced: list[str]) -> None:
    what = f"{manifest['kind']} {manifest['metadata']['name']}"
    text = f"{what} was applied by kubectl and is mysqlops' from now on"
    if gone:
        text += f"; removed, because mysqlops does not render it: {', '.join(gone)}"
    if replaced:
        text += f"; given mysqlops' value: {', '.join(replaced)}"
    if gone or replaced:
        api.warn(text)
