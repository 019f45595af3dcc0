"""The transactions that the members have, and those whose binary logs they have purged."""

from __future__ import annotations

from contextlib import suppress

from mysqlops import errors
from mysqlops.core import gtid, view
from mysqlops.operations import agents, programs
from mysqlops.operations.session import Session
from mysqlops.planning import status

_ASK_SECONDS = 20


def held_and_purged(session: Session, now: status.Status, but: str = "") -> tuple[gtid.GtidSet, list[gtid.GtidSet]]:
    """What the ONLINE members except the excluded one have together, and what each has purged."""
    sets = [_ask(session, member.name) for member in now.members if member.state == view.ONLINE and member.name != but]
    held = gtid.GtidSet()
    for gtids in sets:
        held = held.union(gtid.GtidSet.parse(gtids.executed))
    return held, [gtid.GtidSet.parse(gtids.purged) for gtids in sets]


def answers(session: Session, now: status.Status, but: str) -> dict[str, gtid.GtidSet]:
    """What each ONLINE member except one has executed, read from its server now, without silent members."""
    found = {}
    for member in now.members:
        if member.state == view.ONLINE and member.name != but:
            # A silent pod or server does not count as holding any data; a lost lock is another matter, and is raised.
            with suppress(errors.KubeError, errors.StepFailed, errors.WaitTimeout, errors.Refused):
                found[member.name] = gtid.GtidSet.parse(_ask(session, member.name).executed)
    return found


def _ask(session: Session, pod: str) -> programs.Gtids:
    return agents.run(session.client, pod, programs.GTIDS, timeout_seconds=_ASK_SECONDS)
