"""Rotate the passwords of all accounts that mysqlops made; old ones stay valid until `finish`.

The Lease records an open rotation, from before the first change until the last is done. Each step may be killed: the
same command continues, since the Secret shows how far it came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mysqlops.core import instant, names, ordered, rotation
from mysqlops.errors import Reason, Refused
from mysqlops.operations import agents, observe, orders
from mysqlops.operations.session import Session
from mysqlops.planning import rotation as planning
from mysqlops.planning import status

_STEP_SECONDS = 60


@dataclass(frozen=True)
class Result:
    """The users whose passwords changed, and those whose passwords must wait."""

    users: list[str]
    waiting: list[str]


def rotate(session: Session, name: str) -> Result:
    """Raises Refused, or WaitTimeout if a member does not apply the change; then the old passwords stay in force."""
    client = session.client
    order = ordered.rotation(orders.read(client, name))
    now = observe.judged(session, name)
    seen = rotation.Seen(**_step(session, now, "look"))
    planning.check_rotate(now, order, seen)
    if order is None:
        order = ordered.Rotation(instant.text(session.clock.now()))
        orders.write(client, name, rotated=order.as_json())
    users = []
    if seen.stage != rotation.SWITCHED:
        opened = _step(session, now, "open")
        users = opened["users"]
        what = "every member to have the new passwords"
        now = observe.until(session, name, lambda one: planning.have_applied(one, opened["executed"]), what)
        _step(session, now, "switch")
    # Read after the Secret has changed: any other pod reads the new passwords.
    holders = planning.uids(observe.cluster(client, name, session.clock).pods.values())
    orders.write(client, name, rotated=replace(order, holders=holders).as_json())
    return Result(users, [])


def finish(session: Session, name: str) -> Result:
    """Drop the old passwords. Members that started before the rotation keep the replication account's old password in
    memory, and need it to reach each other: that account waits for a restart. Raises Refused."""
    client = session.client
    order = ordered.rotation(orders.read(client, name))
    now = observe.judged(session, name)
    order = planning.check_finish(now, order)
    older = planning.holders(order, observe.cluster(client, name, session.clock).pods.values())
    if older:
        users = _step(session, now, "finish-without-replication")
        orders.write(client, name, rotated=replace(order, dropped=True).as_json())
        return Result(users, [names.USER_REPLICATION])
    users = _step(session, now, "finish")
    orders.write(client, name, rotated=None)
    return Result(users, [])


def _step(session: Session, now: status.Status, stage: str) -> Any:
    if now.primary is None:
        raise Refused([Reason("no-primary", f"{now.name} has no primary", f"mysqlops status {now.name}")])
    return agents.run(session.client, now.primary, "rotate-users", stage, timeout_seconds=_STEP_SECONDS)
