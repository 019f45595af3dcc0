"""A member whose data directory is about to be deleted leaves the group before, and stays outside. Pure.

A command notes the directory's server_uuid on the Lease (operations/claims.py) and deletes the claim only once the
group's primary has noted a view without it: a later outage does not wait for it then, and an earlier one finds its data
(docs/adr/0036). Where no group runs, the member takes part in the election like any other: it may hold the most.
"""

from __future__ import annotations

from mysqlops.core import names, view

_READ_SECONDS = 30.0  # the Lease is read every five
WHY = "its data is about to be deleted, so it stays outside the group: mysqlops member rebuild finishes that"


def is_ordered(pod: str, server_uuid: str, record: view.GroupRecord | None) -> bool:
    return record is not None and bool(server_uuid) and record.leaving.get(pod) == server_uuid


def leaves_because(pod: str, server: view.ServerView, record: view.GroupRecord | None, now: float) -> str:
    """Why this member leaves its group now, or nothing. Not the primary, and nobody whose vote the others need; nor by
    an order that was read long ago, since its command may have called it off: who leaves while the API server is away
    cannot come back. `now` is in seconds of the agent's clock."""
    if not is_ordered(pod, server.server_uuid, record) or server.role() == names.ROLE_PRIMARY:
        return ""
    if record is None or now - record.read_at > _READ_SECONDS:
        return ""
    others = [member for member in server.members if member.server_uuid != server.server_uuid]
    reached = sum(member.state in view.IN_GROUP for member in others)
    return WHY if 2 * reached > len(others) else ""
