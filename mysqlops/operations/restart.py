"""Restart every member, one at a time, replicas first: nothing is lost, and writes stop for a switchover only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from mysqlops import errors
from mysqlops.operations import observe, orders, rollout, upgrade
from mysqlops.operations.session import Session
from mysqlops.planning import status


def execute(session: Session, name: str) -> list[str]:
    """The pods restarted, in order; raises Refused, StepFailed or WaitTimeout. Goes on with a run that was killed."""
    client = session.client
    since = orders.read_one(client, name, "restarting") or f"{session.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    orders.write(client, name, restarting=since)
    began = datetime.fromisoformat(since)

    def old(seen: status.Observed) -> Collection[str]:
        made = {one: datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) for one, pod in seen.pods.items()}
        return [one for one, at in made.items() if at < began]

    try:
        restarted = rollout.replace_all(session, name, old, rollout.Limits(session.timeout_seconds))
    except rollout.NewPodFailed as failure:
        raise errors.StepFailed(str(failure), hint=f"mysqlops status {name}; run it again to go on") from failure
    orders.write(client, name, restarting=None)
    return restarted


def check(session: Session, name: str) -> None:
    """Restarting a member of a group that is not whole could stop it; raises Refused."""
    upgrade.check_whole(observe.judged(session, name))
