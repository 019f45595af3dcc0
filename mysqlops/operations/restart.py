"""Restart every member, one at a time, replicas first: nothing is lost, and writes stop for a switchover only."""

from __future__ import annotations

from datetime import datetime

from mysqlops.errors import Reason, Refused
from mysqlops.operations import observe, orders, switchover
from mysqlops.operations.session import Session
from mysqlops.planning import status
from mysqlops.planning import switchover as planning


def execute(session: Session, name: str) -> list[str]:
    """The pods restarted, in order; raises Refused or WaitTimeout. A run that was killed is gone on with."""
    client = session.client
    since = orders.read_one(client, name, "restarting") or f"{session.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    orders.write(client, name, restarting=since)
    restarted = []
    while (pod := _next(session, name, datetime.fromisoformat(since))) is not None:
        _restart(session, name, pod)
        restarted.append(pod)
    orders.write(client, name, restarting=None)
    return restarted


def check(session: Session, name: str) -> None:
    """Restarting a member of a group that is not whole could stop it; raises Refused."""
    now = observe.judged(session, name)
    if now.verdict != status.HEALTHY:
        raise Refused([Reason(one.code, one.message, one.hint) for one in now.conditions])


def _next(session: Session, name: str, since: datetime) -> str | None:
    """Replicas with the highest ordinal first, the primary last."""
    now = observe.until(session, name, lambda one: one.verdict == status.HEALTHY, f"{name} to be whole")
    pods = observe.cluster(session.client, name, session.clock).pods
    old = [
        member
        for member in now.members
        if datetime.fromisoformat(pods[member.name]["metadata"]["creationTimestamp"]) < since
    ]
    old.sort(key=lambda member: (member.name == now.primary, -member.ordinal))
    return old[0].name if old else None


def _restart(session: Session, name: str, pod: str) -> None:
    limits = planning.Limits(rolls_back=True)
    now = observe.judged(session, name)
    if now.primary == pod and len(now.members) > 1:
        chosen = switchover.plan(session, name, None, limits)
        if chosen is not None:
            switchover.execute(session, name, chosen, limits)
    found = session.client.get("Pod", pod)
    session.progress.say(f"restarting {pod}")
    session.client.delete("Pod", pod, uid=found["metadata"]["uid"])
    deadline = session.clock.monotonic() + session.timeout_seconds
    while (new := session.client.find("Pod", pod)) is None or new["metadata"]["uid"] == found["metadata"]["uid"]:
        observe.check_deadline(session, deadline, f"a new pod {pod}")
        session.clock.sleep(0.5)
