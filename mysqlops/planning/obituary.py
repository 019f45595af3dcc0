"""Whether a member's agent asks the group to remove its dead mysqld, and whom it asks. Pure; agent/obituary.py acts.

Only this agent may declare its member dead, and only after the kernel has: the process that start.sh became holds a
FIFO open until it has ended. Another process cannot be in the group by then, because only this agent lets mysqld join,
and it does not while it asks. The proof: docs/adr/0037.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mysqlops.core import names, version, view

ON, OFF = "on", "off"  # values of the annotation mysqlops.io/obituary of the Lease NAME-group
BY_DEFAULT = ON
LATEST_SECONDS = 15.0  # a server that is short of memory may not have answered for a while
# Tried with real servers. Older ones compare an identity that no table shows, and refuse; newer ones are not known.
_TRIED = {(9, 7)}


@dataclass(frozen=True)
class Request:
    """Ask these pods, in turn, to remove this one from the group of that name."""

    group_name: str
    witnesses: tuple[str, ...]


@dataclass(frozen=True)
class Silence:
    """Ask nobody."""

    why: str


def is_on(record: view.GroupRecord | None) -> bool:
    """A user's switch, for a protocol that its vendor does not document, which fast failure detection turns on too. An
    unknown value and a Lease that was never read count as off."""
    if record is None:
        return False
    return (record.obituary or BY_DEFAULT) == ON or record.failure_detection == view.FAST


def is_tried(text: str) -> bool:
    """Whether servers of that version are known to do what they are asked."""
    found = version.find(text)
    return found is not None and (found.major, found.minor) in _TRIED


def plan(
    last: view.ServerView | None, seconds: float, *, cluster: str, is_refused: bool, has_own_name: bool = True
) -> Request | Silence:
    """What follows from the end of mysqld's process. `last` is its last answer, given `seconds` ago; `is_refused` is
    True if its socket is still there and nobody listens. What a server says about itself and others never decides who
    is removed: that is always the agent's own pod."""
    if not is_refused:
        return Silence("it stopped by itself, and left its group before")
    if not has_own_name:  # the group would remove whoever has it now
        return Silence("its name leads to another pod, or nowhere")
    if last is None or seconds > LATEST_SECONDS:
        return Silence("it is unknown whether it was in a group")
    own = last.own()
    if own is None or own.state not in view.IN_GROUP:
        return Silence("it was in no group")
    if why := _why_nobody_decides(last):
        return Silence(why)
    witnesses = tuple(member.pod for member in last.successors() if names.is_member(member.pod, cluster))
    return Request(last.group_name, witnesses) if witnesses else Silence("no other member was ONLINE")


def next_primary(last: view.ServerView, fenced: Collection[str], cluster: str) -> str:
    """The pod of the member that the group elects once it has removed this one; empty if it elects none, or may elect
    one that is fenced. Of members with the same version and weight, it is the one with the lowest server_uuid (manual,
    Group Replication, Single-Primary Mode). A wrong guess moves a label twice, and makes no primary."""
    own = last.own()
    if own is None or own.role != names.ROLE_PRIMARY:
        return ""
    elected = min(last.successors(), key=lambda one: one.server_uuid, default=None)
    is_usable = elected is not None and elected.pod not in fenced and names.is_member(elected.pod, cluster)
    return elected.pod if elected is not None and is_usable else ""


def _why_nobody_decides(last: view.ServerView) -> str:
    if not is_tried(last.version):
        return f"not tried with MySQL {last.version}"
    if 2 * (last.reachable_members() - 1) <= len(last.members):
        return "the others are no majority, so they cannot decide"
    return ""
