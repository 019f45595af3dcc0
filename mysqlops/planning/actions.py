"""What a change that goes member by member may answer besides its own actions. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wait:
    """Nothing can be done yet; `why` says what has to happen first."""

    why: str


@dataclass(frozen=True)
class Done:
    """Nothing is left to do."""
