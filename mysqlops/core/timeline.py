"""One history of a cluster's data: the claims that hold it, and the name under which its group counts transactions.

A restore in place begins another one. The same GTIDs must never stand for other transactions, hence the other group
name; the previous claims stay unchanged, so that there is a way back. Both records are annotations of the group's
Lease, which outlives the StatefulSet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mysqlops.core import group, gtid, names, typed


@dataclass(frozen=True)
class Timeline:
    """`claims` is the template of the claims' names, `group` the group's name (a UUID). `members` are those that may
    hold acknowledged transactions of the time it was left, `outcasts` those that its group had given up by then: both
    map a pod to its server_uuid. These, `shared` and `elsewhere` are as in core/group.py."""

    claims: str
    group: str
    members: Mapping[str, str] = field(default_factory=dict)
    outcasts: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Swap:
    """A change from one timeline to another that is under way. `backup` is empty if it only goes back; `to` is the
    point to recover to (core/pitr.py); `abandons` says that it goes back from one that was not finished."""

    old: Timeline
    new: Timeline
    replicas: int
    backup: str = ""
    abandons: bool = False
    to: str = ""

    def command(self, name: str) -> str:
        """The arguments of `mysqlops restore` that continue it."""
        if not self.backup:
            return f"--revert {name}"
        return f"{self.backup} --in-place {name}" + (f" --to {self.to}" if self.to else "")


@dataclass(frozen=True)
class History:
    """The timeline in use, and the previous one."""

    now: Timeline
    before: Timeline | None = None
    backup: str = ""  # from which `now` was restored; empty after going back
    at: str = ""  # when it came into use (UTC, ISO 8601)


def dump(record: Swap | History) -> str:
    return json.dumps(asdict(record), sort_keys=True)


def swap_of(annotations: Mapping[str, str]) -> Swap | None:
    """The change that is under way; None if none is, or if it cannot be read."""
    found = _read(annotations, names.ANNOTATION_RESTORING)
    old, new = _line(found.get("old")), _line(found.get("new"))
    if old is None or new is None:
        return None
    swap = typed.make(Swap, {**found, "old": old, "new": new})
    if swap is None or swap.replicas > names.MAX_MEMBERS:
        return None
    return swap if all(typed.is_word(text) for text in (swap.backup, swap.to) if text) else None


RECORDS = (names.ANNOTATION_RESTORING, names.ANNOTATION_CLAIMS)


def copied(annotations: Mapping[str, str]) -> dict[str, str | None]:
    """Both records in a copy of the Lease's notes, None for one that does not exist; empty if it never had any, as that
    of an older release."""
    return {key: annotations.get(key) for key in RECORDS} if any(key in annotations for key in RECORDS) else {}


def is_going_back(annotations: Mapping[str, str], pod: str) -> bool:
    """Whether this member is started with a previous claim, whose passwords may be out of date. Not once it has been in
    the group of that data: what is set on one member alone would differ from the others then."""
    swap, note = swap_of(annotations), group.note_of(annotations)
    if swap is None or swap.backup:
        return False
    return not note.incarnation or note.name == swap.old.group or pod not in note.members


def history_of(annotations: Mapping[str, str]) -> History | None:
    """None if the cluster was never restored in place, or if the record cannot be read."""
    found = _read(annotations, names.ANNOTATION_CLAIMS)
    now, before = _line(found.get("now")), _line(found.get("before"))
    if now is None or (before is None and found.get("before")):
        return None
    return typed.make(History, {**found, "now": now, "before": before})


_GROUP = re.compile(r"[0-9A-Za-z-]{0,64}")


def _line(value: Any) -> Timeline | None:
    """None unless each value is valid: claims are named after it, and members are expected because of it."""
    line = typed.make(Timeline, value)
    if line is None or not names.is_claim_template(line.claims) or not _GROUP.fullmatch(line.group):
        return None
    are_maps = all(map(names.are_members, (line.members, line.outcasts, line.shared, line.elsewhere)))
    return line if are_maps and all(map(gtid.is_set, line.shared.values())) else None


def _read(annotations: Mapping[str, str], key: str) -> dict[str, Any]:
    found = typed.json_of(annotations.get(key))
    return found if isinstance(found, dict) else {}
