"""Form the group again without members whose data cannot be had, or has diverged: only when a user orders it."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from mysqlops.core import group, names
from mysqlops.operations import observe
from mysqlops.operations.session import Session
from mysqlops.planning import recovery


def plan(session: Session, name: str, without: Collection[str] = ()) -> list[recovery.Risk]:
    """The members to give up; raises Refused if a group runs, or nobody is in its way, or nobody would be left."""
    return recovery.plan(observe.cluster(session.client, name, session.clock), without)


def execute(session: Session, name: str, risks: list[recovery.Risk]) -> None:
    """Order the members to do without; raises WaitTimeout. The order belongs to this outage: the member that forms the
    group clears it in the same write, and it is void once any group was formed."""
    seen = observe.cluster(session.client, name, session.clock)
    order = recovery.order(seen, risks, str(uuid.uuid4()))
    _write(session, name, group.dump(order))
    observe.until(session, name, lambda now: now.primary is not None, "a primary")


def withdraw(session: Session, name: str) -> None:
    """Take back an order that no member has obeyed yet."""
    _write(session, name, None)


def _write(session: Session, name: str, text: str | None) -> None:
    change = {"metadata": {"annotations": {names.ANNOTATION_GIVEN_UP: text}}}
    session.client.patch("Lease", names.group_lease(name), change)
