"""Replace the members' pods one at a time, by role; roll back automatically if a new pod does not come up.

Every step follows from what is observed: after a kill, the same command continues. What cannot be observed, the
previous template and the reason, is written to the StatefulSet in the same call as its new template (core/rollout.py).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from mysqlops import errors
from mysqlops.core import gtid, instant, names, rollout
from mysqlops.core.typed import Json
from mysqlops.core.view import ONLINE
from mysqlops.objects import claims as naming
from mysqlops.objects import pods, render, revisions
from mysqlops.operations import (
    claims,
    data_version,
    direction,
    followers,
    fresh,
    happened,
    observe,
    proof,
    switchover,
    unproven,
    waiting,
)
from mysqlops.operations.session import Session
from mysqlops.planning import actions, gate, status, verdict
from mysqlops.planning import rollout as planning
from mysqlops.planning import switchover as switching

_FAILOVER_SECONDS = 60.0
Old = Callable[[status.Observed], Collection[str]]


class NewPodFailed(Exception):
    """A pod of the new template did not come up; the reason, the pod if a single pod failed, whether its mysqld is
    down, and whether that refused data which a newer one has changed."""

    def __init__(self, why: str, pod: str = "", *, is_dead: bool = False, refuses_data: bool = False) -> None:
        super().__init__(why)
        self.pod, self.is_dead, self.refuses_data = pod, is_dead, refuses_data


class RolledBack(errors.StepFailed):
    """The requested change was not made; everything is as before."""

    def __init__(self, message: str, replaced: list[str]) -> None:
        super().__init__(message, hint="correct the cause above, then run it again")
        self.replaced = replaced


@dataclass(frozen=True)
class Limits:
    """The seconds in which one member must be back in the group and caught up."""

    member_seconds: float = 600.0


def old_of_template(seen: status.Observed) -> Collection[str]:
    """The pods that do not have the newest template yet."""
    return revisions.outdated(seen.stateful_set, seen.pods)


def _going(seen: status.Observed) -> Collection[str]:
    """The pods whose claim is deleted as soon as they stop: every rollout replaces these too."""
    return {name for name in seen.pods if (claim := _claim(seen, name)) and naming.is_going(claim)}


def _claim(seen: status.Observed, pod: str) -> Json | None:
    return seen.claims.get(naming.of(seen.stateful_set, names.ordinal_of(pod)))


def begin(session: Session, manifests: list[Json], record: rollout.Rollout, stateful_set: Json) -> None:
    """Apply the objects that the new pods need, then the new template together with the record."""
    for manifest in manifests:
        session.client.apply(manifest)
    wanted = copy.deepcopy(stateful_set)
    wanted["metadata"].setdefault("annotations", {})[names.ANNOTATION_ROLLOUT] = rollout.dump(record)
    happened.turned(session, session.client.apply(wanted), None, record)


def finish(session: Session, name: str, limits: Limits) -> list[str]:
    """Replace outdated pods; returns them in order. If a new pod fails, rolls back and raises StepFailed."""
    record = rollout.read(session.client.get("StatefulSet", name))
    if record is not None and record.failure:
        return _go_back(session, name, record, limits)
    try:
        replaced = replace_all(session, name, old_of_template, limits, record=record)
        proof.of_settings(session, name, record)
    except (NewPodFailed, proof.NoWrite) as failure:
        if record is None:
            raise errors.StepFailed(str(failure), hint=f"mysqlops status {name}") from failure
        record = replace(record, failure=str(failure))
        is_dead = isinstance(failure, NewPodFailed) and failure.is_dead
        now = observe.judged(session, name)
        if reasons := planning.no_way_back(now, record) + planning.stays_as_it_is(now, record, is_dead=is_dead):
            raise errors.StepFailed(f"{failure}; {reasons[0].message}", hint=reasons[0].hint) from failure
        direction.turn_back(session, name, record)
        return _go_back(session, name, record, limits)
    _close(session, name)
    return replaced


def _go_back(session: Session, name: str, record: rollout.Rollout, limits: Limits) -> list[str]:
    """Always ends in RolledBack or another StepFailed: the requested change was not made. The old server starts on the
    claim as it is, or refuses it and leaves it unchanged, if the newer server has changed the data. Then, and for no
    other reason, the member begins empty, if the gate lets that pass; the only member of a cluster never does."""
    replaced: list[str] = []
    emptied: set[str] = set()
    while True:
        try:
            replaced += replace_all(session, name, old_of_template, limits, record=record)
            break
        except NewPodFailed as failure:
            seen, pod = observe.settled(session, name), failure.pod
            if pod in emptied or not failure.refuses_data or not _may_begin_empty(session, seen, pod, record):
                now, is_kept = verdict.judge(seen), pod not in emptied
                raise direction.fails_both_ways(now, str(failure), is_kept=is_kept) from failure
        emptied.add(pod)
        replaced.append(pod)
        _replace(session, seen, pod, record=record, rebuild=True)
    _close(session, name)
    back = f"{', '.join(dict.fromkeys(replaced))} replaced by the previous version" if replaced else "all is as before"
    raise RolledBack(f"{record.failure}; rolled back: {back}", replaced)


def _may_begin_empty(session: Session, seen: status.Observed, pod: str, record: rollout.Rollout) -> bool:
    """A member that this rollout replaced, whose data the newer server may have changed, and whose group runs."""
    claim = _claim(seen, pod)
    if claim is None or not record.changes_version() or int(seen.stateful_set["spec"]["replicas"]) == 1:
        return False
    return rollout.was_replaced(claim, record) and _await_primary(session, seen.name)


def _await_primary(session: Session, name: str) -> bool:
    """Whether the group has a primary, or gets one within a minute: a failover may be under way."""
    patient = replace(session, timeout_seconds=_FAILOVER_SECONDS)
    try:
        observe.until(patient, name, lambda now: now.primary is not None, "a primary")
    except errors.WaitTimeout:
        return False
    return True


def _close(session: Session, name: str) -> None:
    """Nothing uses the old settings and agents now, except applications' init containers, which take the agent from the
    ConfigMap with the plain name, and objects made from the cluster: both are updated before ConfigMaps are deleted.
    The record is deleted last: until then the rollout is open, and --resume finishes a killed run."""
    data_version.note(session.client, observe.judged(session, name))
    unproven.attempt(session, name)
    found = session.client.get("StatefulSet", name)
    used = render.in_use_of(found)
    followers.bring_program(session, name, used.agent)
    followers.refresh(session, name)
    for old in render.superseded(session.client.list("ConfigMap", names.selector_text(name)), name, used):
        with suppress(errors.Conflict):  # somebody has put another one in its place
            session.client.delete("ConfigMap", old["name"], uid=old["uid"])
    session.client.patch("StatefulSet", name, {"metadata": {"annotations": {names.ANNOTATION_ROLLOUT: None}}})
    happened.turned(session, found, rollout.read(found), None)


def replace_all(
    session: Session,
    name: str,
    old: Old,
    limits: Limits,
    *,
    record: rollout.Rollout | None = None,
    rebuild: bool = False,
) -> list[str]:
    """Replace the old pods in their order, with `rebuild` also their claims; raises NewPodFailed, NoWrite, WaitTimeout,
    Refused or StepFailed."""
    replaced: list[str] = []
    since, proved = session.clock.monotonic(), None
    while True:
        waited = session.clock.monotonic() - since  # before the look: a pause of this process fails no pod
        seen = observe.settled(session, name)
        left = {*old(seen), *_going(seen)}
        now = verdict.judge(seen)
        goes_back = rollout.goes_back(record)
        match planning.plan(now, left, planning.gone(now, seen.pods, goes_back=goes_back), goes_back=goes_back):
            case actions.Done():
                claims.forget_emptied(session, name, [member.name for member in now.members if member.state == ONLINE])
                return replaced
            case planning.Replace(pod, why):
                if now.primary not in (None, proved) and now.primary not in left:
                    # Whoever made a new member lead, and whichever run: no further pod goes before clients can write.
                    proof.of_settings(session, name, record)
                    proved = now.primary
                    continue  # a proof may take most of a minute: the pod to replace may lead by now
                session.progress.say(f"replacing {pod}: {why}")
                _replace(session, seen, pod, record=record, rebuild=rebuild)
                replaced.append(pod)
                since = session.clock.monotonic()
            case switching.Switchover() as chosen:
                _hand_over(session, name, chosen, record)
                proved = chosen.to
            case actions.Wait(why):
                session.progress.waiting(f"waiting: {why}")
                _check_new_pods(seen, now, left, waited, limits)
                waiting.sleep(session)  # the limits in _check_new_pods end this loop


def _hand_over(session: Session, name: str, chosen: switching.Switchover, record: rollout.Rollout | None) -> None:
    """The first new member to lead shows at once whether clients can write with the new settings. A hand-over that does
    not end in time may be due to them as well."""
    try:
        switchover.execute(session, name, chosen, switching.Limits(rolls_back=True), measured=False)
    except errors.Refused as refusal:  # a refusal would say that nothing was changed
        raise errors.StepFailed(str(refusal), hint="run the same command again to continue") from refusal
    except errors.WaitTimeout:
        proof.of_settings(session, name, record)
        raise
    proof.of_settings(session, name, record)


def _replace(
    session: Session, seen: status.Observed, pod: str, *, record: rollout.Rollout | None, rebuild: bool
) -> None:
    happened.step(session, seen, pod, {*old_of_template(seen), *_going(seen)}, record)
    claim = _claim(seen, pod)
    if claim is not None and (rebuild or naming.is_going(claim)):
        request = claims.Request(noted=_noted(session, seen.name, claim, record))
        ask = partial(claims.ask_patiently, session, seen.name, claim, request, repairs=rollout.goes_back(record))
        passed = claims.after_leaving(session, seen.name, claim, ask)
        return claims.empty(session, seen.name, pod, passed)
    if claim is not None and record is not None and record.changes_version():
        _note_held(session, seen, claim, record)
    return _replace_pod(session, pod, instant.text(seen.taken_at))


def _replace_pod(session: Session, pod: str, at: str) -> None:
    """Decided at that time: by now it may lead, or be the one that the majority needs."""
    found = session.client.get("Pod", pod)
    fresh.check(session, f"{pod} is not replaced", at)
    session.client.delete("Pod", pod, uid=found["metadata"]["uid"])

    def look() -> waiting.Pending | None:
        new = session.client.find("Pod", pod)
        if new is not None and new["metadata"]["uid"] != found["metadata"]["uid"]:
            return None
        return waiting.Pending(f"{pod} to stop" if new else f"a new pod {pod}")

    waiting.until(session, look)


def _noted(session: Session, name: str, claim: Json, record: rollout.Rollout | None) -> gtid.GtidSet | None:
    if record is None:
        return None
    noted = rollout.read_replaced(claim, record, observe.group_name(session.client, name))
    return gtid.GtidSet.parse(noted) if noted is not None else None


def _note_held(session: Session, seen: status.Observed, claim: Json, record: rollout.Rollout) -> None:
    """Called for a member that serves: a newer server that does not come up cannot be asked. The agent's last
    publication goes with the pod, so it is added to the note."""
    now, pod = verdict.judge(seen), names.pod_of_claim(claim["metadata"]["name"])
    member = next((member for member in now.members if member.name == pod), None)
    held = gate.held_by(now, pod) if member is not None and member.state == ONLINE else None
    noted = _noted(session, seen.name, claim, record)
    if held is None and noted is not None and member is not None:
        held = noted.union(gtid.GtidSet.parse(member.held_at_least or ""))
    if held is None or held == noted:
        return
    note = rollout.dump(rollout.Replaced(record.since, str(held), observe.group_name(session.client, seen.name)))
    change = {"metadata": {"annotations": {names.ANNOTATION_REPLACED: note}}}
    session.client.patch("PersistentVolumeClaim", claim["metadata"]["name"], change)


def _check_new_pods(
    seen: status.Observed, now: status.Status, left: Collection[str], waited: float, limits: Limits
) -> None:
    """A new pod that crashes or takes too long has failed; an old pod may take until the deadline, as may all of them
    while the group waits for a member that somebody scaled away."""
    new = [member for member in now.members if member.name in seen.pods and member.name not in left]
    for member in new:
        if why := planning.failed_because(seen.pods[member.name]):
            is_dead, refuses = member.name in planning.dead(seen.pods), pods.refuses_data(seen.pods[member.name])
            raise NewPodFailed(why, member.name, is_dead=is_dead, refuses_data=refuses)
    if waited > limits.member_seconds:
        late = [member for member in new if member.state != ONLINE]
        if late and not now.awaited:
            words = "; ".join(f"{member.name} is {member.state}: {member.waiting_for}" for member in late)
            raise NewPodFailed(f"not back in the group after {waited:.0f} s: {words}", late[0].name)
        raise errors.WaitTimeout(
            f"{seen.name} is not whole after {waited:.0f} s: {'; '.join(planning.held_up_by(now)) or now.verdict}",
            hint=planning.first(now, "run the same command again to continue"),
        )
