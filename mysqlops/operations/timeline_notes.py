"""What is noted of a cluster's timelines (core/timeline.py): on the group's Lease, with a copy on the Secret that has
the group's name.

Somebody may delete the Lease, or a tool may apply it as it was once stored. Members then go by their copy of the
group's record, which knows of a restore only once its group has run, and nobody knows which claims are in use. So each
write here is copied. The copy counts where the Lease is missing or from the past (agent/cluster_api.py, deploy.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from mysqlops.core import group, names, timeline
from mysqlops.core.typed import Json
from mysqlops.errors import Forbidden, NotFound
from mysqlops.kube.client import Client
from mysqlops.operations import leases, observe, vault
from mysqlops.operations.session import Session
from mysqlops.planning import status


def read(session: Session, name: str) -> dict[str, str]:
    """The newest annotations of the group's Lease; raises NotFound with a hint if the cluster does not exist."""
    try:
        lease = leases.get(session.client, name)
    except NotFound:
        observe.must_run(session.client, name)
        raise
    return _newest(session.client, name, lease)


def write(session: Session, name: str, annotations: Mapping[str, str | None]) -> None:
    noted = newest(session.client, name)
    wanted = {**records(noted), **annotations}
    leases.patch(session.client, name, {"metadata": {"annotations": wanted}})
    keep_copy(session.client, name, after(noted, wanted))


def records(noted: Mapping[str, str]) -> dict[str, str | None]:
    """What each write says again: a Lease from the past has other records, and is copied next."""
    return {key: noted.get(key) for key in timeline.RECORDS}


def after(noted: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    """The annotations once they are changed so."""
    return {key: text for key, text in {**noted, **change}.items() if text is not None}


def keep_copy(client: Client, name: str, noted: Mapping[str, str]) -> None:
    """Copy what was noted; a killed run may not have done that. The group's record only until a member begins to form
    it: then its primary copies that. Where no group is named, members start with the Secret's name."""
    wanted, note = records(noted), group.note_of(noted)
    is_begun = note.garbled or note.incarnation or note.joining
    if not is_begun and note.name and not group.note_of(vault.notes(client, name)).is_later(note):
        wanted[names.ANNOTATION_GROUP] = noted[names.ANNOTATION_GROUP]
    vault.note(client, name, note.name or vault.read(client, name, names.KEY_GROUP_NAME), wanted)


def newest(client: Client, name: str) -> dict[str, str]:
    """The annotations of the Lease. Where it is missing or from the past, which nobody corrects while no member runs,
    the copy says what is in use, to users who may read it."""
    return _newest(client, name, leases.find(client, name))


def _newest(client: Client, name: str, lease: Json | None) -> dict[str, str]:
    found, copy = status.annotations_of(lease), dict[str, str]()
    with suppress(Forbidden):
        copy = vault.notes(client, name)
    if lease is not None and not group.note_of(copy).is_later(group.note_of(found)):
        return found
    lines = timeline.copied(copy)
    kept = {key: text for key, text in found.items() if key not in lines}
    return after(kept, copy | lines)


def group_name(client: Client, name: str, noted: Mapping[str, str]) -> str:
    """As observe.group_name, whatever a Lease from the past says, by the newest annotations."""
    return group.note_of(noted).name or observe.group_name(client, name)
