"""Whether a member may be fenced, and the note of a member that is being rebuilt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from mysqlops.core import ordered, view
from mysqlops.core.publication import UNKNOWN
from mysqlops.errors import Reason, Refused
from mysqlops.planning import status
from mysqlops.planning.status import Member, Status

_STARTING = (UNKNOWN, status.ABSENT, view.DOWN)  # its new server has not been asked for data yet


@dataclass(frozen=True)
class Emptying:
    """The note of a claim that is being replaced: its UID, when the run began (UTC, ISO 8601), who ran it, the backup
    that fills the new claim (empty: the member clones another one), and the data directories (server_uuid) as far as
    they are known: `before` is on the old claim, and its member leaves the group first; `server` is the one on the new
    claim that obeyed (core/ordered.py)."""

    uid: str
    at: str = ""
    by: str = ""
    backup: str = ""
    before: str = ""
    server: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def emptying(notes: Any, member: str) -> Emptying | None:
    """What a run noted of a member, None if none did; a bare UID is the format of older releases, without a date."""
    found = notes.get(member) if isinstance(notes, dict) else None
    if isinstance(found, str):
        return Emptying(found)
    if not isinstance(found, dict):
        return None
    made = Emptying(**{key: str(found.get(key, "")) for key in Emptying.__dataclass_fields__})
    return replace(made, backup=ordered.named(made.backup))


def is_under_way(
    seen: Status, member: str, note: Emptying | None, claim_uid: str | None, joined: Mapping[str, str]
) -> bool:
    """Whether a killed run must be finished: the claim that it noted is gone, not long ago, and the member does not
    have its new data yet. If the member serves, or holds data outside the group, that run is over; and also once the
    group counted its new data directory (`joined`: pod to server_uuid), whatever became of that since."""
    if (
        note is None
        or not note.uid
        or claim_uid == note.uid
        or not ordered.is_recent(note.at, datetime.fromisoformat(seen.taken_at))
    ):
        return False
    found = find(seen, member)
    if found.state == view.RECOVERING or found.clone_size:
        return True
    if note.server and joined.get(member) == note.server:
        return False
    return found.state in _STARTING or (found.state != view.ONLINE and not found.executed)


def find(seen: Status, name: str) -> Member:
    """A member by its pod's name; raises Refused."""
    found = next((member for member in seen.members if member.name == name), None)
    if found is None:
        listed = ", ".join(member.name for member in seen.members)
        raise Refused([Reason("no-such-member", f"MEMBER {name}: {seen.name} has {listed or 'none'}")])
    return found


def check_fence(seen: Status, name: str, fenced: Mapping[str, str]) -> None:
    """Fencing must leave a member that serves; raises Refused."""
    find(seen, name)
    if not status.carriers(seen, {name, *fenced}):
        text = f"no other member is ONLINE and serves: fencing {name} would stop {seen.name}"
        raise Refused([Reason("last-to-serve", text, f"mysqlops stop {seen.name} stops it cleanly")])
