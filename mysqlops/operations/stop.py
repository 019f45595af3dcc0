"""Stop a whole cluster cleanly and start it again: every member holds the same GTID set before and after."""

from __future__ import annotations

from typing import Any

from mysqlops import errors
from mysqlops.core import gtid, names, record, timeline, view
from mysqlops.errors import Reason, Refused
from mysqlops.operations import observe, orders
from mysqlops.operations.session import Session
from mysqlops.planning import status

Json = dict[str, Any]
_BEAT_SECONDS = 6.0  # more than the five of an agent
_WHY = "stopped by mysqlops stop"


def stop(session: Session, name: str) -> Json:
    """Refuse clients, wait until all members are equal, remember that, scale to none. Raises Refused or WaitTimeout."""
    client = session.client
    annotations = orders.read(client, name)
    stopped = record.stopped(annotations)
    if not stopped:
        stopped = _quiesce(session, name, record.fenced(annotations))
    session.progress.say("stopping the members")
    _scale(session, name, 0)
    _await_no_pods(session, name)
    return stopped


def _quiesce(session: Session, name: str, fenced: dict[str, str]) -> Json:
    now = observe.judged(session, name)
    missing = [f"{one.name} is {one.state}" for one in now.members if one.state != view.ONLINE]
    if missing or now.primary is None:
        text = f"not all members are ONLINE ({', '.join(missing) or 'no primary'}): they would not stop with equal data"
        raise Refused([Reason("not-whole", text, f"mysqlops status {name}")])
    orders.write(session.client, name, fenced={one.name: fenced.get(one.name, _WHY) for one in now.members})
    session.progress.say("refusing clients")
    equal = _await_equal(session, name)
    stopped = {
        "replicas": equal.replicas,
        "executed": {member.name: member.executed for member in equal.members},
        "fenced": fenced,
    }
    orders.write(session.client, name, stopped=stopped)
    return stopped


def _await_equal(session: Session, name: str) -> status.Status:
    """Equal at two looks with every agent's next beat in between: nothing was still on its way."""
    what = "all members to refuse clients and hold the same transactions"
    first = observe.until(session, name, _is_equal, what)
    while True:
        session.clock.sleep(_BEAT_SECONDS)
        second = observe.until(session, name, _is_equal, what)
        if second.members[0].executed == first.members[0].executed:
            return second
        first = second


def _is_equal(now: status.Status) -> bool:
    quiet = all(member.state == view.ONLINE and member.role == names.ROLE_NONE for member in now.members)
    sets = {gtid.GtidSet.parse(member.executed or "") for member in now.members}
    return quiet and len(sets) == 1


def start(session: Session, name: str) -> Json:
    """Bring the members back and compare; raises Refused, WaitTimeout, or StepFailed if a transaction is missing."""
    annotations = orders.read(session.client, name)
    stopped = record.stopped(annotations)
    if (swap := timeline.swap_of(annotations)) is not None:
        text = f"a restore of {name} was begun and is not finished"
        raise Refused([Reason("restore-open", text, f"mysqlops restore {swap.command(name)} --confirm {name}")])
    if not stopped:
        raise Refused([Reason("not-stopped", f"{name} was not stopped with mysqlops stop", f"mysqlops status {name}")])
    orders.write(session.client, name, fenced=stopped["fenced"])
    _scale(session, name, int(stopped["replicas"]))
    session.progress.say(f"starting {stopped['replicas']} members")
    now = observe.until(session, name, lambda one: not status.in_the_way(one), f"{name} to be whole")
    for member in now.members:
        before = gtid.GtidSet.parse(stopped["executed"].get(member.name, ""))
        if not before.is_subset(gtid.GtidSet.parse(member.executed or "")):
            raise errors.StepFailed(f"{member.name} had {before} before the stop and has {member.executed} now")
    orders.write(session.client, name, stopped={})
    return stopped


def _scale(session: Session, name: str, replicas: int) -> None:
    session.client.patch("StatefulSet", name, {"spec": {"replicas": replicas}})


def _await_no_pods(session: Session, name: str) -> None:
    deadline = session.clock.monotonic() + session.timeout_seconds
    while pods := observe.cluster(session.client, name, session.clock).pods:
        session.progress.waiting(f"waiting for {', '.join(sorted(pods))} to stop")
        observe.check_deadline(session, deadline, "all members stopped")
        session.clock.sleep(0.5)
