"""The only place that deletes members' claims, and only with what the gate lets pass (planning/gate.py).

`delete --purge-data`, for which the user typed the cluster's name, is the one other (operations/delete.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mysqlops.core import gtid
from mysqlops.errors import Refused, StepFailed
from mysqlops.operations import gtids, observe
from mysqlops.operations.session import Session
from mysqlops.planning import gate

Json = dict[str, Any]
_POLL_SECONDS = 0.5
_TOLD_SECONDS = 12.0  # a member applies what it received, and each publishes every five seconds (agent/publisher.py)
_PATIENT_SECONDS = 60.0  # a failover, an API server that was away: agents speak again after ten seconds at most
_PASSING = {"only-copy", "members-unseen"}  # what a few seconds of patience may change


@dataclass(frozen=True)
class Wish:
    """Whether the user accepted a loss, by which flag of the verb; and what a note says of the claim, whose identity
    and age the caller has checked. What the member's server says now goes before the note."""

    accept_loss: bool = False
    flag: str = ""
    noted: gtid.GtidSet | None = None


def ask(session: Session, name: str, claim: Json, wish: Wish) -> gate.Passed:
    """Let the gate decide on what is seen now; raises Refused. What the claim's member holds is read first, then the
    others' servers are asked, for some seconds: what the member had just applied, they may still have to apply."""
    now = observe.judged(session, name)
    going = gate.going(now, claim, wish.noted, wish.flag)
    deadline = session.clock.monotonic() + _TOLD_SECONDS
    while True:
        answers = gtids.answers(session, now, but=going.member)
        try:
            return gate.check(now, going, answers, accept_loss=wish.accept_loss)
        except Refused as error:
            if session.clock.monotonic() > deadline or not {reason.code for reason in error.reasons} <= _PASSING:
                raise
        session.progress.waiting(f"waiting for the others to hold all that {going.member} holds")
        session.clock.sleep(_POLL_SECONDS)
        now = observe.judged(session, name)


def ask_patiently(session: Session, name: str, claim: Json, wish: Wish) -> gate.Passed:
    """What the gate refuses may be over in a minute, as after a failover; then it raises StepFailed."""
    deadline = session.clock.monotonic() + _PATIENT_SECONDS
    while True:
        try:
            return ask(session, name, claim, wish)
        except Refused as refusal:
            first = refusal.reasons[0]
            if session.clock.monotonic() > deadline:
                text = f"claim {claim['metadata']['name']} is kept: {refusal}"
                raise StepFailed(text, hint=f"{first.hint}; then run the same command again") from refusal
            session.progress.waiting(f"waiting before claim {claim['metadata']['name']} goes: {first.message}")
        session.clock.sleep(_POLL_SECONDS)


def delete(session: Session, passed: gate.Passed) -> None:
    """Delete the claim and its member's pod, until the claim has gone: a pod that the StatefulSet made too early holds
    the old one, and must go too. Raises WaitTimeout."""
    client = session.client
    session.progress.say(f"deleting claim {passed.claim}")
    client.delete("PersistentVolumeClaim", passed.claim, uid=passed.uid)
    deadline = session.clock.monotonic() + session.timeout_seconds
    while is_there(session, passed.claim, passed.uid):
        pod = client.find("Pod", passed.member)
        if pod is not None and "deletionTimestamp" not in pod["metadata"]:
            client.delete("Pod", passed.member, uid=pod["metadata"]["uid"])
        session.progress.waiting(f"waiting for claim {passed.claim} to go")
        observe.check_deadline(session, deadline, f"claim {passed.claim} gone")
        session.clock.sleep(_POLL_SECONDS)


def is_there(session: Session, claim: str, uid: str) -> bool:
    """Whether that very claim exists, not another of its name."""
    found = session.client.find("PersistentVolumeClaim", claim)
    return found is not None and found["metadata"]["uid"] == uid


def await_new(session: Session, claim: str) -> None:
    """Until the StatefulSet has made it; raises WaitTimeout."""
    deadline = session.clock.monotonic() + session.timeout_seconds
    while session.client.find("PersistentVolumeClaim", claim) is None:
        session.progress.waiting(f"waiting for a new claim {claim}")
        observe.check_deadline(session, deadline, f"claim {claim}")
        session.clock.sleep(_POLL_SECONDS)
