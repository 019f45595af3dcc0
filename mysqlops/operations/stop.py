"""Stop a whole cluster cleanly and start it again: every member holds the same GTID set before and after."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mysqlops import errors
from mysqlops.core import gtid, names, record, timeline, view
from mysqlops.errors import Reason, Refused
from mysqlops.operations import observe, orders
from mysqlops.operations.session import Session
from mysqlops.planning import claims, status

Json = dict[str, Any]
_BEAT_SECONDS = 6.0  # more than the five of an agent
_WHY = "stopped by mysqlops stop"


def stop(session: Session, name: str) -> Json:
    """Refuse clients, wait until all members are equal, remember that, scale to none. Raises Refused or WaitTimeout.

    The note for `start` is written in the same call as the fences, and again with the sets once the members are equal:
    from the first call on `start` leads back, and `stop` on, wherever a run was killed.
    """
    stopped = record.stopped(orders.read(session.client, name))
    if int(session.client.get("StatefulSet", name)["spec"]["replicas"]) > 0 or not stopped:
        stopped = _quiesce(session, name, stopped)
    session.progress.say("stopping the members")
    _scale(session, name, 0)
    _await_no_pods(session, name)
    return stopped


def _quiesce(session: Session, name: str, noted: Json) -> Json:
    """Of members that run: also those of a run that was killed, or that somebody started by hand since its note. What
    the user fenced is known by its reason, whatever was noted."""
    now = observe.judged(session, name)
    fenced = record.fenced(orders.read(session.client, name))
    if reasons := status.reasons_of(now, claims.GOING):  # also of a run that goes on
        raise Refused(reasons)
    if not noted and _WHY not in fenced.values():
        _check_whole(now)
    by_user = _by_user(fenced)
    stopped: Json = {"replicas": now.replicas, "executed": {}, "fenced": by_user}
    wanted = {one.name: by_user.get(one.name, _WHY) for one in now.members}
    orders.write(session.client, name, fenced=wanted, stopped=stopped)
    session.progress.say("refusing clients")
    equal = _await_equal(session, name)
    stopped["executed"] = {member.name: member.executed for member in equal.members}
    orders.write(session.client, name, stopped=stopped)
    return stopped


def _by_user(fenced: Mapping[str, str]) -> dict[str, str]:
    return {one: why for one, why in fenced.items() if why != _WHY}


def _check_whole(now: status.Status) -> None:
    missing = [f"{one.name} is {one.state}" for one in now.members if one.state != view.ONLINE]
    if missing or now.primary is None:
        text = f"not all members are ONLINE ({', '.join(missing) or 'no primary'}): they would not stop with equal data"
        raise Refused([Reason("not-whole", text, f"mysqlops status {now.name}")])


def _await_equal(session: Session, name: str) -> status.Status:
    """Equal at two looks with every agent's next beat in between: nothing was still on its way."""
    what = f"all members to refuse clients and hold the same transactions (mysqlops start {name} takes them back)"
    first = observe.until(session, name, _is_equal, what)
    while True:
        session.clock.sleep(_BEAT_SECONDS)
        second = observe.until(session, name, _is_equal, what)
        if second.members[0].executed == first.members[0].executed:
            return second
        first = second


def _is_equal(now: status.Status) -> bool:
    quiet = all(member.state == view.ONLINE and member.role == names.ROLE_NONE for member in now.members)
    known = [gtid.GtidSet.parse(member.executed) for member in now.members if member.executed is not None]
    return quiet and len(known) == len(now.members) == now.replicas and len(set(known)) == 1


def start(session: Session, name: str) -> Json:
    """Bring the members back and compare; raises Refused, WaitTimeout, or StepFailed if a transaction is missing."""
    annotations = orders.read(session.client, name)
    stopped = record.stopped(annotations)
    if (swap := timeline.swap_of(annotations)) is not None:
        text = f"a restore of {name} was begun and is not finished"
        raise Refused([Reason("restore-open", text, f"mysqlops restore {swap.command(name)} --confirm {name}")])
    fenced = record.fenced(annotations)
    if not stopped and _WHY not in fenced.values():
        raise Refused([Reason("not-stopped", f"{name} was not stopped with mysqlops stop", f"mysqlops status {name}")])
    if not stopped:  # fenced by a release that noted it later, and was killed before
        replicas = int(session.client.get("StatefulSet", name)["spec"]["replicas"])
        stopped = {"replicas": replicas, "executed": {}, "fenced": {}}
    kept = _by_user({**stopped["fenced"], **fenced})
    orders.write(session.client, name, fenced=kept)
    _scale(session, name, int(stopped["replicas"]))
    session.progress.say(f"starting {stopped['replicas']} members")
    now = observe.until(session, name, lambda one: _is_up(one, kept), f"{name} to be whole")
    for member in now.members:
        before = gtid.GtidSet.parse(stopped["executed"].get(member.name, ""))
        if member.executed is None or not before.is_subset(gtid.GtidSet.parse(member.executed)):
            has = "what it has now is not known" if member.executed is None else f"has {member.executed} now"
            raise errors.StepFailed(f"{member.name} had {before} before the stop and {has}")
    orders.write(session.client, name, stopped={})
    return stopped


def _is_up(now: status.Status, fenced: Collection[str]) -> bool:
    """Whole, but for those whom the user keeps out of service."""
    return all(
        one.code == "serves-nobody" and any(one.message.startswith(f"{name} ") for name in fenced)
        for one in status.in_the_way(now)
    )


def _scale(session: Session, name: str, replicas: int) -> None:
    session.client.patch("StatefulSet", name, {"spec": {"replicas": replicas}})


def _await_no_pods(session: Session, name: str) -> None:
    deadline = session.clock.monotonic() + session.timeout_seconds
    while pods := observe.cluster(session.client, name, session.clock).pods:
        session.progress.waiting(f"waiting for {', '.join(sorted(pods))} to stop")
        observe.check_deadline(session, deadline, "all members stopped")
        session.clock.sleep(0.5)
