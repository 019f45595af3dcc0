"""Rotate the passwords of all accounts that mysqlops made; old ones stay valid until `finish`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mysqlops.core import names
from mysqlops.errors import Reason, Refused
from mysqlops.operations import agents, observe, orders
from mysqlops.operations.session import Session


@dataclass(frozen=True)
class Result:
    """The users whose passwords changed, and those that must wait."""

    users: list[str]
    waiting: list[str]


def rotate(session: Session, name: str) -> Result:
    """Raises Refused."""
    users = agents.run(session.client, _primary(session, name), "rotate-users", "begin", timeout_seconds=60)
    orders.write(session.client, name, rotated=f"{session.clock.now():%Y-%m-%dT%H:%M:%SZ}")
    return Result(users, [])


def finish(session: Session, name: str) -> Result:
    """Drop the old passwords. Members that run since before keep the replication account's old one in memory, and need
    it to reach each other: that account waits for a restart. Raises Refused."""
    rotated = orders.read_one(session.client, name, "rotated")
    if rotated is None:
        raise Refused([Reason("not-rotated", f"no rotation of {name} is open", f"mysqlops users rotate {name}")])
    primary = _primary(session, name)
    pods = observe.cluster(session.client, name, session.clock).pods.values()
    since = datetime.fromisoformat(rotated)
    older = [pod for pod in pods if datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) <= since]
    stage = "finish-without-replication" if older else "finish"
    users = agents.run(session.client, primary, "rotate-users", stage, timeout_seconds=60)
    if not older:
        orders.write(session.client, name, rotated=None)
    return Result(users, [names.USER_REPLICATION] if older else [])


def _primary(session: Session, name: str) -> str:
    primary = observe.judged(session, name).primary
    if primary is None:
        raise Refused([Reason("no-primary", f"{name} has no primary", f"mysqlops status {name}")])
    return primary
