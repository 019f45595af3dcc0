"""Form the group again without members whose data is unreachable or has diverged: only on a user's order."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from mysqlops import errors
from mysqlops.core import group, names
from mysqlops.operations import leases, observe
from mysqlops.operations.session import Session
from mysqlops.planning import recovery


def plan(session: Session, name: str, without: Collection[str] = ()) -> tuple[recovery.Recovery, group.GoOnWithout]:
    """The members to give up, and the order that does it; raises Refused if a group runs, if no member blocks it, or if
    no member would be left."""
    seen = observe.cluster(session.client, name, session.clock)
    found = recovery.plan(seen, without)
    return found, recovery.order(seen, found, str(uuid.uuid4()))


def execute(session: Session, name: str, order: group.GoOnWithout, *, wait: bool = True) -> None:
    """Order the members to form a group without them; raises WaitTimeout, StepFailed. The order belongs to the observed
    outage: the member that forms the group clears it in the same write, and it is void once any group was formed."""
    lease = leases.get(session.client, name)
    if str(lease.get("spec", {}).get("acquireTime") or "") != order.after:
        text = f"a member has already formed the group of {name}"
        raise errors.Refused([errors.Reason("group-runs", text, f"mysqlops status {name}")])
    change = {"resourceVersion": lease["metadata"]["resourceVersion"]}
    _write(session, name, group.dump(order), change)
    if not wait:
        return
    observe.until(session, name, lambda now: now.primary is not None, "a primary")
    if observe.group_name(session.client, name) != order.group:
        raise errors.StepFailed(
            f"a group of {name} runs again with members that were to be given up: the order was not needed",
            hint=f"mysqlops recover {name} --withdraw, if mysqlops status {name} still shows it",
        )


def withdraw(session: Session, name: str) -> None:
    """Take back an order that no member has obeyed yet."""
    _write(session, name, None, {})


def _write(session: Session, name: str, text: str | None, seen: dict[str, str]) -> None:
    change = {"metadata": {**seen, "annotations": {names.ANNOTATION_GIVEN_UP: text}}}
    leases.patch(session.client, name, change)
