"""Plans: ordered steps, each with its reason; printed by --dry-run, executed by operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One call that changes something: apply or delete an object."""

    action: str  # "apply" or "delete"
    kind: str
    name: str
    why: str
    manifest: dict[str, Any] | None = None
    destructive: bool = False
    uid: str = ""  # of the object to delete; empty: whichever has the name by then
    going: frozenset[str] = frozenset()  # the members that a verb on a cluster would remove

    def as_json(self) -> dict[str, Any]:
        """Without the manifest: `render` shows it."""
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "why": self.why,
            "destructive": self.destructive,
        }


@dataclass(frozen=True)
class Plan:
    """The steps to a goal; empty when it is reached."""

    steps: tuple[Step, ...]
