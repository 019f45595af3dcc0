"""Add and remove members; the claim of a removed member is kept with a note of its contents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from mysqlops import errors
from mysqlops.core import gtid, names
from mysqlops.core.plan import Step
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.operations import claims, fresh, gtids, observe, owned, preflight, switchover, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import actions, gate, status
from mysqlops.planning import scale as planning
from mysqlops.planning import switchover as switching

_ASK_SECONDS = 15.0
KEEP, DELETE = "keep", "delete"
_NOTES = (names.ANNOTATION_KEPT_SINCE, names.ANNOTATION_KEPT_EXECUTED, names.ANNOTATION_KEPT_HISTORY)


@dataclass(frozen=True)
class Request:
    """What happens to claims: those of removed members, and kept ones of members that return; and whether the user
    accepted the loss of data that only they hold."""

    claims: str = KEEP
    rebuild: bool = False
    accept_loss: bool = False


def plan(session: Session, name: str, target: int, request: Request) -> tuple[Step, ...]:
    """The steps; raises Refused for reasons that waiting would not change."""
    now = observe.judged(session, name)
    planning.check(now, target)
    if target != now.replicas:
        owned.refuse(session.client.get("StatefulSet", name), owned.REPLICAS)
    left: list[Json] = []
    if request.claims == DELETE:
        planning.check_deletion(now, target, claims.noted_group(session, name), accept_loss=request.accept_loss)
        left = _unused(session, now, target)
        _check_kept(session, now, left, request)
    if request.rebuild:
        _check_kept(session, now, _unused(session, now, now.replicas), request)
    elif reasons := _unusable_claims(session, now, target):
        raise Refused(reasons)
    if _makes_claims(session, now, target, request):
        preflight.must_get_volumes(session, name, members=target)
    return planning.steps(now, target, request.claims, [claim["metadata"]["name"] for claim in left])


def claims_to_go(session: Session, name: str, target: int) -> list[str]:
    """All that `--pvc delete` deletes: also claims that members have left who went long ago."""
    return [claim["metadata"]["name"] for claim in _beyond(session, observe.judged(session, name), target)]


def execute(session: Session, name: str, target: int, request: Request) -> list[str]:
    """The members added or removed, in order, and the claims deleted; raises Refused, WaitTimeout or StepFailed. May be
    killed, repeated, and reversed."""
    done: list[str] = []
    patience = waiting.Patience(session)
    while True:
        now = observe.judged(session, name)
        match planning.plan(now, target):
            case actions.Done():
                _settle_claims(session, now, target)
                claims.forget_orders(session, name, target)
                if request.claims == DELETE:
                    done += _delete_claims(session, now, target, request)
                return done
            case planning.Grow(member):
                _prepare_claim(session, now, member, request)
                session.progress.say(f"adding {member}")
                _ask_for(session, name, now.replicas, now.replicas + 1)
                done.append(member)
            case planning.Shrink(member):
                _note_claim(session, now, member)
                session.progress.say(f"removing {member}")
                _ask_for(session, name, now.replicas, now.replicas - 1, decided_at=now.taken_at)
                done.append(member)
            case switching.Switchover() as chosen:
                switchover.execute(session, name, chosen, switching.Limits(rolls_back=True))
            case actions.Wait(why):
                patience.pause(waiting.Pending(f"{target} members", why, f"waiting: {why}"))


def _ask_for(session: Session, name: str, seen: int, replicas: int, decided_at: str = "") -> None:
    """Only if nobody else set another number meanwhile; raises Refused, and StepFailed for an old decision. The
    StatefulSet's controller writes to the object as well, so a first Conflict means nothing."""
    patience = waiting.Patience(session, _ASK_SECONDS)
    while True:
        found = session.client.get("StatefulSet", name)
        if found["spec"]["replicas"] != seen:
            raise Refused([Reason("changed-meanwhile", f"somebody set the replicas of {name}", "run it again")])
        if decided_at:  # by now the group may need the member that was to go
            fresh.check(session, f"{names.pod(name, replicas)} stays", decided_at)
        try:
            session.client.scale(name, replicas, version=found["metadata"]["resourceVersion"])
            return
        except errors.Conflict:
            if patience.is_over():
                raise
        patience.sleep(waiting.Pending(f"StatefulSet {name} to stay unchanged for a moment"))


def _makes_claims(session: Session, now: status.Status, target: int, request: Request) -> bool:
    """Whether a member to add has no claim that it may use."""
    added = range(now.replicas, target)
    kept = [session.client.find("PersistentVolumeClaim", _claim_of(now, ordinal)) for ordinal in added]
    return None in kept or (request.rebuild and bool(kept))


def _unusable_claims(session: Session, now: status.Status, target: int) -> list[Reason]:
    found = [
        claim
        for ordinal in range(now.replicas, target)
        if (claim := session.client.find("PersistentVolumeClaim", _claim_of(now, ordinal)))
    ]
    if not found or now.awaited:  # no running group can be asked; it is formed only with the claims' data
        return []
    held, purged = gtids.held_and_purged(session, now)
    history = observe.group_name(session.client, now.name)
    hint = f"inspect its data; --rebuild --confirm {now.name} deletes it, and the new member begins empty"
    return [
        Reason("kept-claim", why, hint)
        for claim in found
        if (why := planning.unusable_because(planning.kept_of(claim, history), held, purged))
    ]


def _check_kept(session: Session, now: status.Status, kept: Iterable[Json], request: Request) -> None:
    """The gate must let pass all of these claims; raises Refused."""
    for claim in kept:
        _let_pass(session, now.name, claim, request)


def _let_pass(session: Session, name: str, claim: Json, request: Request) -> gate.Passed:
    """Judged by the note written when its member left; raises Refused."""
    executed = planning.kept_of(claim, observe.group_name(session.client, name)).executed
    noted = gtid.GtidSet.parse(executed) if executed is not None else None
    return claims.ask(session, name, claim, claims.Request(request.accept_loss, "--accept-loss", noted))


def _prepare_claim(session: Session, now: status.Status, member: str, request: Request) -> None:
    """Checked again right before use: a claim may have appeared since the plan."""
    claim = session.client.find("PersistentVolumeClaim", _claim_of(now, names.ordinal_of(member)))
    if claim is None:
        return
    if not request.rebuild:
        if reasons := _unusable_claims(session, now, now.replicas + 1):
            raise Refused(reasons)
        session.progress.say(f"{member} starts again with its claim {claim['metadata']['name']}")
        # From here on it may receive more data, even if this run is killed.
        unlabel: Json = {"metadata": {"labels": {names.LABEL_KEPT: None}}}
        session.client.patch("PersistentVolumeClaim", claim["metadata"]["name"], unlabel)
        return
    _delete_claim(session, now.name, claim, request)


def _delete_claim(session: Session, name: str, claim: Json, request: Request) -> None:
    """Members may already have been added or removed: a refusal now is a failed step."""
    try:
        ask = partial(_let_pass, session, name, claim, request)
        passed = claims.after_being_forgotten(session, name, claim, ask)
    except Refused as refusal:
        text = f"claim {claim['metadata']['name']} is kept: {refusal}"
        raise errors.StepFailed(text, hint=refusal.reasons[0].hint) from refusal
    claims.delete(session, passed)


def _note_claim(session: Session, now: status.Status, member: str) -> None:
    """The least that the claim holds, and since when it is unused. Written before the member goes, so it does not say
    whether the member went: the label does."""
    held = next((known.held for known in now.members if known.name == member), None)
    notes = {
        names.ANNOTATION_KEPT_SINCE: now.taken_at,
        names.ANNOTATION_KEPT_EXECUTED: held,
        names.ANNOTATION_KEPT_HISTORY: observe.group_name(session.client, now.name),
    }
    change = {"metadata": {"annotations": notes}}
    claim = _claim_of(now, names.ordinal_of(member))
    if session.client.find("PersistentVolumeClaim", claim) is not None:
        session.client.patch("PersistentVolumeClaim", claim, change)


def _settle_claims(session: Session, now: status.Status, replicas: int) -> None:
    """Once the number of members is reached: notes on used claims are deleted, since they are no longer true, and those
    on unused claims become final. Not earlier: a run may be killed after its note, and the member still serve."""
    for claim in _claims(session, now):
        metadata = claim["metadata"]
        noted, labels = _noted_in(metadata), metadata.get("labels") or {}
        is_kept = names.ordinal_of(metadata["name"]) >= replicas
        change: Json = {}
        if is_kept and noted and names.LABEL_KEPT not in labels:
            change = {"labels": {names.LABEL_KEPT: "true"}}
        if not is_kept and (noted or names.LABEL_KEPT in labels):
            change = {"labels": {names.LABEL_KEPT: None}, "annotations": dict.fromkeys(_NOTES)}
        if change:
            session.client.patch("PersistentVolumeClaim", metadata["name"], {"metadata": change})


def _noted_in(metadata: Json) -> bool:
    return any(note in (metadata.get("annotations") or {}) for note in _NOTES)


def _delete_claims(session: Session, now: status.Status, replicas: int, request: Request) -> list[str]:
    deleted = []
    for claim in _beyond(session, now, replicas):
        _delete_claim(session, now.name, claim, request)
        deleted.append(f"claim {claim['metadata']['name']}")
    return deleted


def _claim_of(now: status.Status, ordinal: int) -> str:
    return names.claim(now.name, ordinal, now.claims)


def _unused(session: Session, now: status.Status, first: int) -> list[Json]:
    """The claims from ordinal `first` on that no member uses."""
    used = {member.claim for member in now.members if member.state != status.ABSENT}
    return [claim for claim in _beyond(session, now, first) if claim["metadata"]["name"] not in used]


def _beyond(session: Session, now: status.Status, first: int) -> list[Json]:
    """The claims from ordinal `first` on."""
    return [claim for claim in _claims(session, now) if names.ordinal_of(claim["metadata"]["name"]) >= first]


def _claims(session: Session, now: status.Status) -> list[Json]:
    """Without the claims that a restore in place has put aside."""
    existing = session.client.list("PersistentVolumeClaim", names.selector_text(now.name))
    return [claim for claim in existing if claim["metadata"]["name"].startswith(f"{now.claims}-{now.name}-")]
