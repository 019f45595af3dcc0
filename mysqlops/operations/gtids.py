"""The transactions that the members have, and those that they have no binary logs for any more."""

from __future__ import annotations

from mysqlops.core import gtid, view
from mysqlops.operations import agents
from mysqlops.operations.session import Session
from mysqlops.planning import status

_ASK_SECONDS = 20


def held_and_purged(session: Session, now: status.Status, but: str = "") -> tuple[gtid.GtidSet, list[gtid.GtidSet]]:
    """What the ONLINE members (without one) have together, and what each has purged."""
    sets = [
        agents.run(session.client, one.name, "gtids", timeout_seconds=_ASK_SECONDS)
        for one in now.members
        if one.state == view.ONLINE and one.name != but
    ]
    held = gtid.GtidSet()
    for one in sets:
        held = held.union(gtid.GtidSet.parse(one["executed"]))
    return held, [gtid.GtidSet.parse(one["purged"]) for one in sets]
