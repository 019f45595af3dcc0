"""One history of a cluster's data: the claims that hold it, and the name under which its group counts transactions.

A restore in place begins another one. The same GTIDs must never stand for other transactions, hence the other group
name; the claims of before stay as they are, so that there is a way back. Both records are annotations of the group's
Lease, which outlives the StatefulSet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mysqlops.core import names


@dataclass(frozen=True)
class Timeline:
    """`claims` is the template of the claims' names, `group` the group's name (a UUID). `members` are those who may
    hold what was acknowledged when it was left, `outcasts` whom its group had given up by then: both map a pod to its
    server_uuid, as core/group.py notes them."""

    claims: str
    group: str
    members: Mapping[str, str] = field(default_factory=dict)
    outcasts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Swap:
    """A change from one to another that is under way. `backup` is empty if it only goes back; `to` is the point that it
    is brought to (core/pitr.py); `abandons` says that it goes back from one that was not finished."""

    old: Timeline
    new: Timeline
    replicas: int
    backup: str = ""
    abandons: bool = False
    to: str = ""

    def command(self, name: str) -> str:
        """The words after `mysqlops restore` that go on with it."""
        if not self.backup:
            return f"--revert {name}"
        return f"{self.backup} --in-place {name}" + (f" --to {self.to}" if self.to else "")


@dataclass(frozen=True)
class History:
    """What is in use, and what was before."""

    now: Timeline
    before: Timeline | None = None
    backup: str = ""  # that `now` was made of; empty after going back
    at: str = ""  # when it came into use (UTC, ISO 8601)


def dump(record: Swap | History) -> str:
    return json.dumps(asdict(record), sort_keys=True)


def swap_of(annotations: Mapping[str, str]) -> Swap | None:
    """The change that is under way, None if none is or nobody can read it."""
    found = _read(annotations, names.ANNOTATION_RESTORING)
    try:
        return Swap(**{**found, "old": Timeline(**found["old"]), "new": Timeline(**found["new"])}) if found else None
    except (TypeError, KeyError):
        return None


def is_going_back(annotations: Mapping[str, str]) -> bool:
    """Whether the members are started with claims of before: passwords may have been changed since."""
    swap = swap_of(annotations)
    return swap is not None and not swap.backup


def history_of(annotations: Mapping[str, str]) -> History | None:
    """None if the cluster was never restored in place, or nobody can read it."""
    found = _read(annotations, names.ANNOTATION_CLAIMS)
    try:
        before = Timeline(**found["before"]) if found and found["before"] else None
        return History(**{**found, "now": Timeline(**found["now"]), "before": before}) if found else None
    except (TypeError, KeyError):
        return None


def _read(annotations: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        found = json.loads(annotations.get(key) or "null")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
