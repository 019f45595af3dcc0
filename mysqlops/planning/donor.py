"""Which member a backup copies. Pure; the Job's program calls it."""

from __future__ import annotations

from collections.abc import Sequence

from mysqlops.core import names, view
from mysqlops.errors import Reason, Refused

_AS_GOOD_AS_NONE = 100  # transactions to apply: a fraction of a second


def choose(members: Sequence[view.GroupMember], wanted: str, last: str) -> view.GroupMember:
    """The member to copy: the one asked for; else the replica with the least to apply. Among equals, the donor of the
    last backup wins: most of its pages are stored already. The primary is copied only if it is alone. Raises Refused.
    """
    online = {member.pod: member for member in members if member.state == view.ONLINE}
    if wanted and wanted not in online:
        text = f"--member {wanted}: not ONLINE; ONLINE are {', '.join(sorted(online)) or 'none'}"
        raise Refused([Reason("no-such-member", text, "mysqlops status")])
    if wanted:
        return online[wanted]
    replicas = [member for member in online.values() if member.role == names.ROLE_REPLICA] or list(online.values())
    if not replicas:
        raise Refused([Reason("no-donor", "no member is ONLINE", "mysqlops status")])
    return min(replicas, key=lambda one: (one.queue > _AS_GOOD_AS_NONE, one.pod != last, one.queue, one.pod))
