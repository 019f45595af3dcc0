"""Which member a person's session goes to. Pure."""

from __future__ import annotations

from mysqlops.core import names, view
from mysqlops.errors import Reason, Refused
from mysqlops.planning import member, status


def choose(now: status.Status, wanted: str = "", *, replica: bool = False) -> str:
    """The primary; a replica, the one that is least behind; or the member of that name or ordinal, whatever its state.
    Raises Refused if there is none."""
    if wanted:
        found = names.pod(now.name, int(wanted)) if wanted.isascii() and wanted.isdecimal() else wanted
        return member.find(now, found).name
    if not replica:
        return status.must_lead(now, "choose a --member")
    serving = [
        candidate
        for candidate in now.members
        if candidate.role == names.ROLE_REPLICA and candidate.state == view.ONLINE
    ]
    if not serving:
        hint = f"mysqlops status {now.name}; or omit --replica"
        raise Refused([Reason("no-replica", f"no replica of {now.name} is ONLINE", hint)])
    return min(serving, key=lambda one: (one.behind or 0, one.ordinal)).name
