"""Stop a whole cluster cleanly and start it again: every member holds the same GTID set before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mysqlops import errors
from mysqlops.core import counting, group, gtid, instant, names, ordered, timeline, view
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import claims
from mysqlops.operations import deploy, observe, orders, owned, timeline_notes, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import status

_BEAT_SECONDS = 6.0  # longer than an agent's interval of five
_WHY = "stopped by mysqlops stop"
_STARTED = "started"  # in the note of a stop: since when a `start` has taken its fences back


def stop(session: Session, name: str, *, wait: bool = True) -> Json:
    """Refuse clients, wait until all members are equal, record that, scale to zero. Raises Refused or WaitTimeout.
    Without `wait` the pods end later.

    The note for `start` is written in the same call as the fences, and again with the sets once the members are equal:
    from the first call on, `start` leads back and `stop` leads on, wherever a run was killed. A restore under way stops
    and starts the members itself, and `start` would wait for it.
    """
    annotations = orders.read(session.client, name)
    _check_no_restore(name, annotations)
    stopped = ordered.stopped(annotations)
    stateful_set = session.client.get("StatefulSet", name)
    running = int(stateful_set["spec"]["replicas"])
    if running:
        owned.refuse(stateful_set, owned.REPLICAS)
    if running or not stopped or _STARTED in stopped:
        stopped = _quiesce(session, name)
    if running:
        _keep_claims(session, name)
    session.progress.say("stopping the members")
    session.client.scale(name, 0)
    if wait:
        _await_no_pods(session, name)
    return stopped


def _keep_claims(session: Session, name: str) -> None:
    """Making the members equal takes as long as it takes, and somebody may have deleted a claim meanwhile."""
    try:
        observe.keep_claims(session, name)
    except Refused as refusal:
        back = f"mysqlops start {name} lets clients in again; then "
        raise Refused([replace(reason, hint=back + (reason.hint or "")) for reason in refusal.reasons]) from None


def _check_no_restore(name: str, annotations: Mapping[str, str]) -> None:
    if (swap := timeline.swap_of(annotations)) is None:
        return
    text = f"a restore of {name} was begun and is not finished"
    raise Refused([Reason("restore-open", text, f"mysqlops restore {swap.command(name)} --confirm {name}")])


def _quiesce(session: Session, name: str) -> Json:
    """The members that run: also of a killed run, or that somebody started by hand since its note. A killed run left
    its fences with its note, in the same call; a note alone may be months old, and then a member that is missing keeps
    the others from becoming equal, with every client shut out. The user's own fences are recognized by their reason."""
    observe.keep_claims(session, name)  # also when a killed run is continued
    now = observe.judged(session, name)
    fenced = ordered.fenced(orders.read(session.client, name))
    if _WHY not in fenced.values():
        _check_whole(now)
    group_name = observe.group_name(session.client, name)
    stopped: Json = {"replicas": now.replicas, "executed": {}, "group": group_name}

    def fence(annotations: Mapping[str, str]) -> Json:
        by_user = stopped["fenced"] = _by_user(ordered.fenced(annotations))
        wanted = {member.name: by_user.get(member.name, _WHY) for member in now.members}
        return {"fenced": wanted, "stopped": stopped}

    orders.change(session.client, name, fence)
    session.progress.say("refusing clients")
    equal = _await_equal(session, name)
    stopped["executed"] = {member.name: member.executed for member in equal.members}
    orders.write(session.client, name, stopped=stopped)
    return stopped


def _by_user(fenced: Mapping[str, str]) -> dict[str, str]:
    return {one: why for one, why in fenced.items() if why != _WHY}


def _check_whole(now: status.Status) -> None:
    missing = [f"{member.name} is {member.state}" for member in now.members if member.state != view.ONLINE]
    if missing or now.primary is None:
        text = f"not all members are ONLINE ({', '.join(missing) or 'no primary'}): they would stop with unequal data"
        hint = f"mysqlops status {now.name}" if now.replicas else f"mysqlops start {now.name}"
        raise Refused([Reason("not-whole", text, hint)])


def _await_equal(session: Session, name: str) -> status.Status:
    """Equal at two looks with a report of every agent in between: no transaction was still on its way."""
    what = f"all members to refuse clients and hold the same transactions (mysqlops start {name} undoes this)"
    first = observe.until(session, name, _is_equal, what)
    patience, pending = waiting.Patience(session), waiting.Pending(what)
    while True:
        patience.pause(pending, _BEAT_SECONDS)
        second = observe.until(session, name, _is_equal, what)
        if second.members[0].executed == first.members[0].executed:
            return second
        pending = waiting.Pending(what, f"the cluster still receives writes: {second.members[0].executed}")
        first = second


def _is_equal(now: status.Status) -> bool:
    quiet = all(member.state == view.ONLINE and member.role == names.ROLE_NONE for member in now.members)
    known = [gtid.GtidSet.parse(member.executed) for member in now.members if member.executed is not None]
    return quiet and len(known) == len(now.members) == now.replicas and len(set(known)) == 1


def start(session: Session, name: str, *, wait: bool = True) -> Json:
    """Bring the members back and compare; raises Refused, WaitTimeout, or StepFailed if a transaction is missing.
    Without `wait` the note of the stop stays, so that another `start` compares; it says since when it orders nothing.

    Also starts members that somebody else scaled to zero (`kubectl scale`), whose Lease may be gone as well: no other
    verb leads out of that state.
    """
    stateful_set = session.client.get("StatefulSet", name)
    running = int(stateful_set["spec"]["replicas"])
    if not running:
        deploy.make_lease(session, name)
    annotations = orders.read(session.client, name)
    noted = stopped = ordered.stopped(annotations)
    if not running:  # nobody corrects a Lease from the past
        annotations = timeline_notes.newest(session.client, name)
    _check_no_restore(name, annotations)
    fenced = ordered.fenced(annotations)
    if running and not stopped and _WHY not in fenced.values():
        raise Refused([Reason("not-stopped", f"{name} was not stopped with mysqlops stop", f"mysqlops status {name}")])
    if not stopped:  # by kubectl; or fenced by an older release that was killed before it wrote the note
        expected = running or _expected(session, name, stateful_set, annotations)
        stopped = {"replicas": expected, "executed": {}, "fenced": {}}
    if running:  # a killed run, or an outdated note: what was scaled or unfenced since stays so
        stopped = {**stopped, "replicas": running, "fenced": _by_user(fenced)}
    least = _awaited(session, name) if running else _in_view(name, annotations)
    stopped["replicas"] = max(int(stopped["replicas"]), least)
    note = {**noted, _STARTED: instant.text(session.clock.now())} if noted else {}
    kept = _unfence(session, name, stopped["fenced"], note)
    if running != stopped["replicas"]:
        session.progress.say(f"starting {counting.of(stopped['replicas'], 'member')}")
        session.client.scale(name, stopped["replicas"])
    if wait:
        now = _await_whole(session, name, kept)
        _compare(session, now, stopped)
        orders.write(session.client, name, stopped={})
    return stopped


def _await_whole(session: Session, name: str, fenced: Mapping[str, str]) -> status.Status:
    """A rollout that was open when the members stopped still is: its own command ends it, after this one."""
    now = deploy.awaited(session, name, lambda one: status.is_whole(one, fenced, "rollout-open"), f"{name} to be whole")
    for reason in status.reasons_of(now, "rollout-open"):
        session.progress.warn(f"{reason.message}: {reason.hint}")
    return now


def _unfence(session: Session, name: str, noted: Mapping[str, str], note: Json) -> Mapping[str, str]:
    """The user's fences, which stay: those that the stop noted, and those that the Lease has now."""
    kept: dict[str, str] = {}

    def edit(annotations: Mapping[str, str]) -> Json:
        kept.clear()
        kept.update(_by_user({**noted, **ordered.fenced(annotations)}))
        return {"fenced": kept, "stopped": note}

    orders.change(session.client, name, edit)
    return kept


def _awaited(session: Session, name: str) -> int:
    """Enough replicas for the members of the last view without which no group is formed; 0 while a group runs, or no
    member does. Somebody may have set fewer since the stop."""
    awaited = observe.judged(session, name).awaited
    return names.ordinal_of(awaited[-1]) + 1 if awaited else 0


def _expected(session: Session, name: str, stateful_set: Json, annotations: Mapping[str, str]) -> int:
    """Enough replicas for every member of the last view, else for every claim in use: an outage needs them all."""
    if group.note_of(annotations).members:
        return _in_view(name, annotations)
    existing = observe.unaccounted_claims(session.client, name, claims.template_of(stateful_set))
    with_data = [names.ordinal_of(pod) + 1 for pod in existing]
    return max([*with_data, _in_view(name, annotations), 1])


def _in_view(name: str, annotations: Mapping[str, str]) -> int:
    """Enough replicas for those whom the agents wait for: the members of the last view, and those that were joining."""
    expected = group.note_of(annotations).expected()
    return max((names.ordinal_of(pod) + 1 for pod in expected if names.is_member(pod, name)), default=0)


def _compare(session: Session, now: status.Status, stopped: Json) -> None:
    """Each member has the transactions that it had; sets of another history cannot be compared. Raises StepFailed."""
    group_name = observe.group_name(session.client, now.name)
    if stopped.get("group", group_name) != group_name:
        session.progress.say(f"{now.name} has another history than when it was stopped: the members are not compared")
        return
    for member in now.members:
        before = gtid.GtidSet.parse(stopped["executed"].get(member.name, ""))
        if member.executed is None or not before.is_subset(gtid.GtidSet.parse(member.executed)):
            has = "its present transactions are not known" if member.executed is None else f"has {member.executed} now"
            raise errors.StepFailed(f"{member.name} had {before} before the stop and {has}")


def _await_no_pods(session: Session, name: str) -> None:
    def look() -> waiting.Pending | None:
        pods = sorted(observe.cluster(session.client, name, session.clock).pods)
        return waiting.Pending(f"{', '.join(pods)} to stop") if pods else None

    waiting.until(session, look)
