"""The stage of a password rotation, by the keys of the Secret. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mysqlops.core import names

NONE, PREPARED, SWITCHED = "none", "prepared", "switched"


@dataclass(frozen=True)
class Seen:
    """What the primary's agent reports: the stage, and the users that accept two passwords."""

    stage: str
    doubled: list[str]


def stage_of(keys: Collection[str]) -> str:
    """PREPARED while the next passwords are being distributed, SWITCHED while the previous ones are still valid."""
    if any(names.next_key(key) in keys for key in names.PASSWORD_KEYS):
        return PREPARED
    return SWITCHED if any(names.previous_key(key) in keys for key in names.PASSWORD_KEYS) else NONE
