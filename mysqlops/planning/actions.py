"""The answers that several planners share besides their own actions. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wait:
    """Nothing can be done now; `why` says what has to happen first."""

    why: str


@dataclass(frozen=True)
class Done:
    """Nothing is left to do."""
