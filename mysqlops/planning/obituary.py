"""Whether a member's agent asks the group to remove its dead mysqld, and whom it asks. Pure; agent/obituary.py acts.

Only this agent may declare its member dead, and only after the kernel has: the process that start.sh became holds a
FIFO open until it has ended. Another process cannot be in the group by then, because only this agent lets mysqld join,
and it does not while it asks. The proof: docs/adr/0037.
"""

from __future__ import annotations

from dataclasses import dataclass

from mysqlops.core import version, view

LATEST_SECONDS = 5.0  # the group suspects by itself then
PORT = 3306  # of group_replication_local_address (start.sh)
# Tried with real servers. Older ones compare an identity that no table shows, and refuse; newer ones are not known.
_TRIED = {(9, 7)}


@dataclass(frozen=True)
class Request:
    """Remove `address` from the group; `witnesses` are the hosts to ask, in turn."""

    group_name: str
    address: str
    witnesses: tuple[str, ...]


@dataclass(frozen=True)
class Silence:
    """Ask nobody."""

    why: str


def plan(last: view.ServerView | None, seconds: float, *, is_refused: bool) -> Request | Silence:
    """What follows from the end of mysqld's process. `last` is its last answer, so many seconds ago; `is_refused` is
    True if its socket is still there and nobody listens."""
    if not is_refused:
        return Silence("it stopped by itself, and left its group before")
    if last is None or seconds > LATEST_SECONDS:
        return Silence("it is unknown whether it was in a group")
    own = next((one for one in last.members if one.server_uuid == last.server_uuid), None)
    if own is None or own.state not in (view.ONLINE, view.RECOVERING):
        return Silence("it was in no group")
    if why := _why_nobody_decides(last):
        return Silence(why)
    return Request(last.group_name, f"{own.host}:{PORT}", tuple(one.host for one in last.successors()))


def _why_nobody_decides(last: view.ServerView) -> str:
    found = version.find(last.version)
    if found is None or (found.major, found.minor) not in _TRIED:
        return f"not tried with MySQL {last.version}"
    if 2 * (last.reachable_members() - 1) <= len(last.members):
        return "the others are no majority, so they cannot decide"
    return "" if last.successors() else "no other member was ONLINE"
