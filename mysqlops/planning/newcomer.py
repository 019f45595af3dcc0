"""Whether a group counts a previous incarnation of a member that joins, as its members say. Pure; agent/member.py asks.

A group refuses a member whose address it still counts. In other capitals (core/group_address.py) the address would be
new to it, and it would let the member in beside its dead self: writes then wait for both (docs/adr/0062). What the
members say is final: nobody but the member's own agent lets it join, so one that is no longer counted stays out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from mysqlops.core import group_address


class Verdict(Enum):
    UNKNOWN = "a majority answers, and nobody counts it"
    COUNTED = "a member counts it"
    UNPROVEN = "too few members have answered"


def verdict(own: str, answers: Mapping[str, tuple[str, ...]]) -> Verdict:
    """`own` is the member's address; `answers` are the addresses that a member counts, by that member's own address."""
    if any(group_address.is_same(own, one) for counted in answers.values() for one in counted):
        return Verdict.COUNTED
    answering = {one.lower() for one in answers}
    if answers and all(_is_majority(answering, counted) for counted in answers.values()):
        return Verdict.UNKNOWN
    return Verdict.UNPROVEN


def _is_majority(answering: set[str], counted: tuple[str, ...]) -> bool:
    return 2 * sum(one.lower() in answering for one in counted) > len(counted)
