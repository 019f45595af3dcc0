"""The one gate before data goes: who else holds it, seen now, and would a majority remain without it. Pure.

No claim is deleted but with a `Passed`, which only `check` makes. A state in which nobody asked the server (UNKNOWN,
DOWN, no pod) is never a licence: what a member holds is known, or the user accepted its loss by a flag of that verb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mysqlops.core import group, gtid, names, view
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.planning import status
from mysqlops.planning.status import Member, Status


@dataclass(frozen=True)
class Going:
    """A claim that is to be deleted, the member it belongs to, and all that is on it (None: nobody knows).

    Of what a member holds that was in a group that does not count, only `shared` can be elsewhere: the other numbers
    stand for other transactions there (core/group.py). None: the numbers can be trusted.

    `flag` is the verb's own option to accept a loss, empty if it has none. A `repair` is of the one member that a user
    named: it needs a majority of the group as it is, whatever else is broken. Any other verb, which goes from member to
    member by itself, keeps a majority of all that are wanted.
    """

    claim: str
    uid: str
    member: str
    held: gtid.GtidSet | None
    flag: str = ""
    repair: bool = False
    voters: int = 0
    shared: gtid.GtidSet | None = None


@dataclass(frozen=True)
class Passed:
    """The claim with that UID may be deleted: a majority of `voters` remains. Nothing but `check` makes one (a unit
    test looks)."""

    claim: str
    uid: str
    member: str
    voters: int
    at: str  # when the state was read that it was decided on (UTC, ISO 8601)


def check(now: Status, going: Going, answers: Mapping[str, gtid.GtidSet], *, accept_loss: bool = False) -> Passed:
    """`answers` is what the other members' servers said that they have executed, asked after `going.held` was read:
    under writes the member holds more by then, and the group has that too. Raises Refused."""
    if found := reasons(now, going, answers, accept_loss=accept_loss):
        raise Refused(found)
    return Passed(going.claim, going.uid, going.member, _voters(now, going), now.taken_at)


def reasons(
    now: Status, going: Going, answers: Mapping[str, gtid.GtidSet], *, accept_loss: bool = False
) -> list[Reason]:
    """Why the claim may not go; empty if it may."""
    is_expected = names.ordinal_of(going.member) < now.replicas
    if is_expected and (single := only_member(now, f"{going.claim} is the only copy")):
        return single
    others = [
        member
        for member in status.carriers(now, [going.member])
        if member.ordinal < now.replicas and member.name in answers
    ]
    found = _who_remains(now, going, others)
    if not accept_loss:
        # A claim that goes as soon as its pod stops is no copy.
        found += _only_here(now, going, [answers[member.name] for member in others if not member.claim_going])
    return found


def only_member(now: Status, what: str) -> list[Reason]:
    """A cluster of one has no other copy of its data."""
    if now.replicas > 1:
        return []
    text = f"{now.name} has one member, so nobody else holds its data: {what}"
    return [Reason("only-member", text, f"mysqlops scale {now.name} --replicas 3 makes copies first")]


def _who_remains(now: Status, going: Going, others: list[Member]) -> list[Reason]:
    if going.member == now.primary:
        return [Reason("is-primary", f"{going.member} is the primary", f"mysqlops switchover {now.name}")]
    hint = f"mysqlops status {now.name}"
    if now.primary is None:
        return [Reason("no-primary", f"no primary of {now.name} is seen: {_states(now)}", hint)]
    if now.primary not in {member.name for member in others}:
        return [Reason("no-primary", f"the primary {now.primary} does not answer now", hint)]
    found = _no_majority(now, going, others)
    return found or status.reasons_of(now, *status.CONTRADICTIONS)


def _no_majority(now: Status, going: Going, others: list[Member]) -> list[Reason]:
    """A member that is ONLINE is a copy and a vote. One that is not, and is heard, takes none away: it leaves the group
    before its pod ends, or is outside. It may come and go every few seconds, and the answer must not depend on when it
    is asked: the votes of the rest of the group count then, and the ONLINE ones must be most of them."""
    voters = _voters(now, going)
    if status.are_majority(others, voters):
        return []
    text = f"{len(others)} other members are ONLINE and answer: without {going.member} they would be no majority of"
    return [Reason("no-majority", f"{text} {voters} ({_states(now)})", status.way_out(now))]


def _voters(now: Status, going: Going) -> int:
    voters = now.replicas
    if going.repair and now.group:
        member = next((member for member in now.members if member.name == going.member), None)
        is_outside = going.member not in now.group or (member is not None and member.state == view.RECOVERING)
        voters = len(set(now.group) - {going.member}) if is_outside else len(now.group)
    return max(voters, going.voters)


def _states(now: Status) -> str:
    return ", ".join(f"{member.name} is {member.state}" for member in now.members) or "it has no members"


def _only_here(now: Status, going: Going, answers: list[gtid.GtidSet]) -> list[Reason]:
    rebuild = f"mysqlops member rebuild {now.name} {going.member} --accept-loss"
    accepting = f", or give {going.flag}" if going.flag else f", or {rebuild}"
    if going.held is None:
        waiting = next((member.waiting_for for member in now.members if member.name == going.member), "")
        why = f" ({waiting})" if waiting else ""
        text = (
            f"what {going.member} holds on claim {going.claim} is not known{why}: it may have what no other member has"
        )
        return [Reason("unknown-data", text, f"bring its pod up first{accepting}")]
    elsewhere = gtid.GtidSet()
    for gtids in answers:
        elsewhere = elsewhere.union(gtids)
    only = only_there(going.held, elsewhere, going.shared)
    if not only:
        return []
    text = f"only {going.member} (claim {going.claim}) holds {only}: {only.count()} transactions would be lost"
    if going.shared is not None:
        text += OTHER_RUN
    return [Reason("only-copy", text, f"look at them with mysqlbinlog in the pod first{accepting}")]


def only_there(held: gtid.GtidSet, elsewhere: gtid.GtidSet, shared: gtid.GtidSet | None) -> gtid.GtidSet:
    """What of `held` nobody else has; see Going.shared."""
    return held.subtract(elsewhere if shared is None else elsewhere.common(shared))


OTHER_RUN = "; it was in a group that does not count, and the others have other transactions under these numbers"


def going(now: Status, claim: Json, noted: gtid.GtidSet | None, note: group.Note) -> Going:
    """What is on the claim: what its member's server says now; else what was noted of it, and what its agent said last,
    for the member may have served after the note. Without either, nobody knows; nor while what the Lease records cannot
    be read, which its primary corrects."""
    metadata = claim["metadata"]
    name = names.pod_of_claim(metadata["name"])
    member = next((voter for voter in now.members if voter.name == name), None)
    held, noted = (None, None) if note.garbled else (held_by(now, name), noted)
    if held is None and noted is not None:
        held = noted.union(gtid.GtidSet.parse((member.held_at_least if member else None) or ""))
    shared = note.shared_with(name, member.server_uuid if member else None)
    return Going(metadata["name"], metadata["uid"], name, held, shared=shared)


def held_by(now: Status, member: str) -> gtid.GtidSet | None:
    """All that a member holds, applied or only received, if its server was asked within the last half minute."""
    held = next((voter.held for voter in now.members if voter.name == member), None)
    return gtid.GtidSet.parse(held) if held is not None else None
