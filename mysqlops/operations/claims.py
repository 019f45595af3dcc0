"""The only place that deletes members' claims, and only those that the gate lets pass (planning/gate.py).

`delete --purge-data`, for which the user typed the cluster's name, is the only exception (operations/delete.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mysqlops.core import group, gtid, instant, names, ordered
from mysqlops.core.typed import Json
from mysqlops.core.view import IN_GROUP, RECOVERING
from mysqlops.errors import MysqlopsError, Refused, StepFailed
from mysqlops.objects import claims as naming
from mysqlops.operations import fresh, gtids, lock, observe, orders, own, timeline_notes, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import gate, status
from mysqlops.planning import member as planning

_TOLD_SECONDS = 12.0  # members apply what they received, and publish that every five seconds (agent/pace.py)
_PATIENT_SECONDS = 60.0  # a failover or an API server outage: agents publish again within ten seconds
_LEAVES_SECONDS = (
    40.0  # agents watch the Lease, or read it every five seconds, and the primary notes the view that follows
)
_FORGETS_SECONDS = 120.0  # the primary forgets who was joining, and was scaled away, after a minute
# Refusals that may end within seconds: a server that restarts says nothing, the group expels a lost member.
_PASSING = {"only-copy", "members-unseen", "unknown-data", "no-majority"}


class LetPass(Protocol):
    """Asks the gate; `voters` is of how many its earlier answer was a majority."""

    def __call__(self, *, voters: int = 0) -> gate.Passed: ...


@dataclass(frozen=True)
class Request:
    """Whether the user accepted a loss, by which flag of the verb; and what a note says of the claim, after the caller
    has checked the claim's identity and age. The server's present answer takes precedence over the note."""

    accept_loss: bool = False
    flag: str = ""
    noted: gtid.GtidSet | None = None
    repair: bool = False  # for the member that the user named


def after_leaving(session: Session, name: str, claim: Json, let_pass: LetPass) -> gate.Passed:
    """The gate's answer before the claim's member has left its group, and again when the primary has noted a view
    without it: what it holds is final then, and no outage waits for it. The second answer counts as many votes as the
    first: whoever else has left meanwhile is missing. Raises what the gate raises, and the member may come back. If its
    agent does not obey, it leaves with its pod, as with agents of older releases."""
    member = names.pod_of_claim(claim["metadata"]["name"])
    try:
        passed = let_pass()
        noted = noted_group(session, name)
        if not (noted.members or noted.garbled):  # older agents formed the group, and nobody notes its views
            return passed
        now = observe.judged(session, name)
        uuid = next((known.server_uuid for known in now.members if known.name == member), None)
        # Without a UID it is no note of a claim that goes: whoever finds it may call it off.
        uid = passed.uid if naming.is_going(claim) else ""
        _note(session, name, member, _emptying(session, uid, uuid or noted.expected().get(member, "")))
        patience = waiting.Patience(session, _LEAVES_SECONDS)
        while not patience.is_over() and is_counted(session, name, member):
            patience.sleep(waiting.Pending(f"{member} to leave the group"), 1.0)
        return let_pass(voters=passed.voters)
    except (MysqlopsError, KeyboardInterrupt):
        with suppress(MysqlopsError):
            _let_back(session, name, claim["metadata"]["name"])
        raise


def _let_back(session: Session, name: str, claim: str) -> None:
    """Not if its claim goes with its pod."""
    found = session.client.find("PersistentVolumeClaim", claim)
    if found is None or naming.is_going(found):
        return
    member = names.pod_of_claim(claim)
    note = planning.emptying(emptied(session, name), member)
    if note is not None and note.uid in ("", found["metadata"]["uid"]):
        forget_emptied(session, name, [member])


def after_being_forgotten(session: Session, name: str, claim: Json, let_pass: Callable[[], gate.Passed]) -> gate.Passed:
    """The same for a member without a pod, which a scaling removed. Raises StepFailed if it is counted too long."""
    member = names.pod_of_claim(claim["metadata"]["name"])
    let_pass()
    patience = waiting.Patience(session, _FORGETS_SECONDS)
    while is_counted(session, name, member):
        if patience.is_over():
            text = (
                f"claim {claim['metadata']['name']} is kept: an outage would wait for {member}, which the group counts"
            )
            raise StepFailed(text, hint=f"mysqlops status {name}; then run the same command again")
        patience.sleep(waiting.Pending(f"the group to count {member} no longer"), 1.0)
    return let_pass()


def is_counted(session: Session, name: str, member: str) -> bool:
    """Whether it is in the group, or would be waited for in an outage. Its state is read before the Lease."""
    states = {member.name: member.state for member in observe.judged(session, name).members}
    if states.get(member) in IN_GROUP:
        return True
    noted = noted_group(session, name)
    return noted.garbled or (bool(noted.members) and member in noted.expected())


def noted_group(session: Session, name: str) -> group.Note:
    """The group's note. Where the Lease is from the past, it is what its members will correct it to."""
    return group.note_of(timeline_notes.newest(session.client, name))


def ask(session: Session, name: str, claim: Json, request: Request, *, voters: int = 0) -> gate.Passed:
    """Let the gate decide on the state observed now; raises Refused. The transactions of the claim's member are read
    first, then the others' servers are asked for some seconds: they may still have to apply what it just applied."""
    now = observe.judged(session, name)
    going = _going(session, now, claim, request)
    patience = waiting.Patience(session, _TOLD_SECONDS)
    while True:
        if going.held is None:
            going = _going(session, now, claim, request)
        answers = gtids.answers(session, now, but=going.member)
        try:
            return gate.check(now, replace(going, voters=voters), answers, accept_loss=request.accept_loss)
        except Refused as error:
            if patience.is_over() or not {reason.code for reason in error.reasons} <= _PASSING:
                raise
            first = error.reasons[0]
        patience.sleep(_pending(claim, first.message))
        now = observe.judged(session, name)


def _going(session: Session, now: status.Status, claim: Json, request: Request) -> gate.Going:
    """The Lease is read after its member said what it holds: a member that was in another run bars itself there."""
    going = gate.going(now, claim, request.noted, noted_group(session, now.name))
    return replace(going, flag=request.flag, repair=request.repair)


def ask_patiently(
    session: Session, name: str, claim: Json, request: Request, *, repairs: bool = False, voters: int = 0
) -> gate.Passed:
    """A refusal by the gate may end within a minute, as after a failover; if it does not, raises StepFailed. Where
    several members are out and only rebuilding brings them back (`repairs`), it is enough after that minute that the
    group itself is stable."""
    patience = waiting.Patience(session, _PATIENT_SECONDS)
    while True:
        is_late = patience.is_over()
        try:
            repair = request.repair or (repairs and is_late and not _is_joining(session, name))
            return ask(session, name, claim, replace(request, repair=repair), voters=voters)
        except Refused as refusal:
            first = refusal.reasons[0]
            if is_late:
                text = f"claim {claim['metadata']['name']} is kept: {refusal}"
                raise StepFailed(text, hint=f"{first.hint}; then run the same command again") from refusal
        patience.sleep(_pending(claim, first.message))


def _pending(claim: Json, why: str) -> waiting.Pending:
    return waiting.Pending(f"it to be safe to delete claim {claim['metadata']['name']}: {why}")


def _is_joining(session: Session, name: str) -> bool:
    """Another member is about to hold a copy: worth waiting for."""
    members = observe.judged(session, name).members
    return any(member.state == RECOVERING or member.clone_size for member in members)


def empty(
    session: Session, name: str, member: str, passed: gate.Passed | None, backup: str = "", *, fills: bool = False
) -> None:
    """Give a member a new claim: a note says that it copies another's data, until `forget_emptied`. With `fills` the
    order for its new pod, to wait for the backup or for none, is written in the same call. Raises WaitTimeout."""
    if passed is not None:
        _must_be_fresh(session, passed)
    known, earlier = noted_group(session, name), planning.emptying(emptied(session, name), member)
    before = known.joining.get(member) or known.members.get(member) or (earlier.before if earlier else "")
    filled = {member: backup} if backup else {}

    def filling(now: Mapping[str, str]) -> dict[str, Any]:
        return {"filling": {**ordered.without(ordered.filling(now), member), **filled}} if fills else {}

    _note(session, name, member, _emptying(session, passed.uid if passed else "none", before, backup), filling)
    if passed is not None:
        delete(session, passed)


def _emptying(session: Session, uid: str, before: str, backup: str = "") -> planning.Emptying:
    at = instant.text(session.clock.now())
    return planning.Emptying(uid, at, lock.who(), backup, before)


def _note(session: Session, name: str, member: str, note: planning.Emptying, more: orders.Edit = lambda _: {}) -> None:
    orders.change(
        session.client,
        name,
        lambda now: {"rebuilding": {**ordered.rebuild_notes(now), member: note.as_json()}, **more(now)},
    )


def emptied(session: Session, name: str) -> dict[str, Any]:
    """The notes of members that are to take another's data (planning/member.py)."""
    return ordered.rebuild_notes(orders.read(session.client, name))


def forget_emptied(session: Session, name: str, members: Collection[str]) -> None:
    """Once the members serve with their new claims."""
    orders.change(
        session.client, name, lambda now: {"rebuilding": ordered.without(ordered.rebuild_notes(now), *members)}
    )


def forget_orders(session: Session, name: str, replicas: int) -> None:
    """Whoever is added in a removed member's place begins without its orders: its pod would wait for a backup that no
    command puts onto the volume any more."""
    wanted = {names.pod(name, ordinal) for ordinal in range(replicas)}
    if not ordered.filling(orders.read(session.client, name)).keys() <= wanted:
        own.delete(session.client, "Job", names.restore_job(name), name)
    orders.change(session.client, name, lambda now: ordered.of_members(now, wanted))


def _must_be_fresh(session: Session, passed: gate.Passed) -> None:
    fresh.check(session, f"claim {passed.claim} is kept", passed.at)


def delete(session: Session, passed: gate.Passed) -> None:
    """Delete the claim and its member's pod until the claim is gone: a pod that the StatefulSet made too early uses the
    old claim, and must go too. Raises WaitTimeout."""
    client = session.client
    _must_be_fresh(session, passed)
    session.progress.say(f"deleting claim {passed.claim}")
    client.delete("PersistentVolumeClaim", passed.claim, uid=passed.uid)
    patience = waiting.Patience(session)
    while is_there(session, passed.claim, passed.uid):
        pod = client.find("Pod", passed.member)
        if pod is not None and "deletionTimestamp" not in pod["metadata"]:
            client.delete("Pod", passed.member, uid=pod["metadata"]["uid"])
        patience.pause(waiting.Pending(f"claim {passed.claim} to be deleted"))


def is_there(session: Session, claim: str, uid: str) -> bool:
    """Whether this very claim still exists, not a new one of the same name."""
    found = session.client.find("PersistentVolumeClaim", claim)
    return found is not None and found["metadata"]["uid"] == uid


def await_new(session: Session, claim: str) -> None:
    """Waits until the StatefulSet has created it; raises WaitTimeout."""
    pending = waiting.Pending(f"the new claim {claim} to be created")
    waiting.until(session, lambda: None if session.client.find("PersistentVolumeClaim", claim) else pending)
