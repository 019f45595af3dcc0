"""Restart every member, one at a time, replicas first: nothing is lost, and writes pause only for a switchover."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mysqlops import errors
from mysqlops.operations import observe, orders, rollout, unproven, upgrade
from mysqlops.operations.session import Session
from mysqlops.planning import restart as planning
from mysqlops.planning import status


def execute(session: Session, name: str) -> list[str]:
    """Returns the restarted pods, in order; raises Refused, StepFailed or WaitTimeout. Continues a killed run."""
    client = session.client
    pods = observe.cluster(client, name, session.clock).pods
    note = orders.read_one(client, name, "restarting")
    wanted = planning.left(note, uids(pods), session.clock.now())
    if not wanted:
        wanted = uids(pods)
        note = planning.note(wanted, session.clock.now(), orders.read_one(client, name, "setting"))
        orders.write(client, name, restarting=note)

    def old(seen: status.Observed) -> Collection[str]:
        return [one for one, uid in uids(seen.pods).items() if wanted.get(one) == uid]

    try:
        restarted = rollout.replace_all(session, name, old, rollout.Limits(session.timeout_seconds))
    except rollout.NewPodFailed as failure:
        raise errors.StepFailed(str(failure), hint=f"mysqlops status {name}; run it again to continue") from failure
    orders.write(client, name, restarting=None)
    if planning.takes_back(note, orders.read_one(client, name, "setting")):
        unproven.end(session, name)
    return restarted


def uids(pods: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(pod["metadata"]["uid"]) for name, pod in pods.items()}


def check(session: Session, name: str) -> None:
    """Restarting a member of a group that is not whole could stop it; raises Refused."""
    upgrade.check_whole(observe.judged(session, name))
