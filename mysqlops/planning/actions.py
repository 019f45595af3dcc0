"""What a change that goes member by member may answer besides its own actions. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wait:
    """Not now, because."""

    why: str


@dataclass(frozen=True)
class Done:
    """Nothing is left to do."""
