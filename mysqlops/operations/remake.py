"""Replace a StatefulSet: its claim template cannot be changed, so it is deleted without its pods and made again.

What is to be made stands in the group's Lease before, so that a killed run can be finished.
"""

from __future__ import annotations

from typing import Any

from mysqlops.operations import observe, orders
from mysqlops.operations.session import Session
from mysqlops.planning import status, storage

Json = dict[str, Any]
_POLL_SECONDS = 0.5


def begin(session: Session, name: str, wanted: Json) -> None:
    """Replace the StatefulSet by the one that is wanted; raises WaitTimeout."""
    stateful_set = session.client.get("StatefulSet", name)
    orders.write(session.client, name, recreating=wanted)
    deadline = session.clock.monotonic() + session.timeout_seconds
    while True:
        session.client.delete("StatefulSet", name, uid=stateful_set["metadata"]["uid"], orphan=True)
        if finish(session, name):
            return
        # Somebody else, who applies manifests, was quicker and made it as it was.
        observe.check_deadline(session, deadline, f"StatefulSet {name} made again as it is wanted")
        orders.write(session.client, name, recreating=wanted)
        stateful_set = session.client.get("StatefulSet", name)


def finish(session: Session, name: str) -> bool:
    """Make the StatefulSet that a run left to be made; False if that is not what is missing.

    The order counts only while there is no StatefulSet: one that exists was never deleted, or was made by somebody
    since, and may have been changed in many ways. Then the order is withdrawn, and whoever gave it plans again.
    """
    wanted = orders.read_one(session.client, name, "recreating")
    if not wanted:
        return False
    deadline = session.clock.monotonic() + session.timeout_seconds
    while (found := session.client.find("StatefulSet", name)) and "deletionTimestamp" in found["metadata"]:
        observe.check_deadline(session, deadline, f"StatefulSet {name} deleted")
        session.clock.sleep(_POLL_SECONDS)
    if found is None:
        session.client.apply(wanted)
    is_wanted = found is None or storage.is_made_of(found, wanted)
    if is_wanted:
        observe.until(session, name, _owns_its_pods, f"StatefulSet {name} to take its pods over")
    orders.write(session.client, name, recreating=None)
    return is_wanted


def _owns_its_pods(now: status.Status) -> bool:
    return all(one.state != status.ABSENT for one in now.members)
