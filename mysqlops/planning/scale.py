"""Up one ordinal at a time, down from the highest: the next action, and why a kept claim may not be used. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from mysqlops.core import group, gtid, names, view
from mysqlops.core.plan import Step
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import claims
from mysqlops.planning import gate
from mysqlops.planning.actions import Done, Wait
from mysqlops.planning.status import (
    CONTRADICTIONS,
    Member,
    Status,
    are_majority,
    carriers,
    in_the_way,
    reasons_of,
    way_out,
)
from mysqlops.planning.switchover import Switchover


@dataclass(frozen=True)
class Grow:
    """Ask for one more member."""

    member: str


@dataclass(frozen=True)
class Shrink:
    """Ask for one member fewer; it leaves the group by itself before it stops."""

    member: str


Action = Grow | Shrink | Switchover | Wait | Done


@dataclass(frozen=True)
class Kept:
    """A claim that scaling down left: the transactions that it holds at least (None: unknown)."""

    name: str
    executed: str | None
    since: str | None


def kept_of(claim: Json, history: str) -> Kept:
    """From the note of the command that left the claim, if the history still has that name: a group that continued
    without some member's transactions has another one."""
    notes = claim["metadata"].get("annotations") or {}
    is_of = notes.get(names.ANNOTATION_KEPT_HISTORY) == history
    executed = notes.get(names.ANNOTATION_KEPT_EXECUTED) if is_of else None
    is_known = executed is not None and gtid.is_set(executed)  # an operator may write it
    return Kept(claim["metadata"]["name"], executed if is_known else None, notes.get(names.ANNOTATION_KEPT_SINCE))


def plan(now: Status, target: int) -> Action:
    """The next action on the way to `target` members."""
    leaving = [member.name for member in now.members if member.ordinal >= now.replicas]
    if leaving:
        return Wait(f"{leaving[-1]} is leaving the group")
    if now.replicas > target:
        return _plan_down(now, target)
    if now.awaited:  # no group is formed without them, so they come back first
        return Grow(names.pod(now.name, now.replicas))
    # A claim that is going needs more copies. An open rollout ends after this, by its own command: beside one, scale
    # only brings back whom the group waits for (`check`).
    ignored = (claims.GOING, "rollout-open") if now.replicas == target else (claims.GOING,)
    if blocking := in_the_way(now, *ignored):
        return Wait("; ".join(condition.message for condition in blocking))
    return Grow(names.pod(now.name, now.replicas)) if now.replicas < target else Done()


def _plan_down(now: Status, target: int) -> Action:
    last = names.pod(now.name, now.replicas - 1)
    if going := reasons_of(now, claims.GOING, *CONTRADICTIONS):
        return Wait(going[0].message)
    if now.primary == last:
        heirs = [member for member in now.members if member.ordinal < target and member.role == names.ROLE_REPLICA]
        return Switchover(last, heirs[0].name) if heirs else Wait("no member that stays could be primary")
    if now.primary is None:
        return Wait(f"{now.name} has no primary")
    if _is_needed(now, target, [last]) or _is_vote_needed(now, last):
        return Wait("too few of the members that stay are ONLINE")
    return Shrink(last)


def _is_needed(now: Status, target: int, leaving: Collection[str]) -> bool:
    """Too few ONLINE members would stay. A member outside the group may go anyway: the group loses nothing."""
    serves = any(
        member.name in now.group or member.state in view.IN_GROUP for member in now.members if member.name in leaving
    )
    staying = [member for member in carriers(now, leaving) if member.ordinal < target]
    return serves and not are_majority(staying, target)


def _is_vote_needed(now: Status, last: str) -> bool:
    """Without it the group, which still counts members that it has not yet expelled, would lose its majority."""
    rest = [pod for pod in now.group if pod != last]
    alive = [member for member in now.members if member.name in rest and member.state in view.IN_GROUP]
    return last in now.group and not are_majority(alive, len(rest))


def check(now: Status, target: int) -> None:
    """Raises Refused for a problem that waiting would not fix."""
    if now.replicas == 0:
        raise Refused([Reason("stopped", f"{now.name} is stopped", f"mysqlops start {now.name}")])
    forbidding = ("rollout-open", claims.GOING) if target < now.replicas else ("rollout-open",)
    if not _only_brings_back(now, target) and (reasons := reasons_of(now, *forbidding)):
        raise Refused(reasons)
    missing = ", ".join(f"{member.name} is {member.state}" for member in now.members if member.state != view.ONLINE)
    if target > now.replicas and now.awaited:
        return
    if now.primary is None:
        text = f"{now.name} has no primary, so nobody can join or leave its group ({missing})"
        raise Refused([Reason("no-primary", text, _hint_down(now))])
    online = sum(member.state == view.ONLINE for member in now.members)
    if target > now.replicas and not _will_be_whole(now):
        text = f"{online} of {now.replicas} members are ONLINE ({missing}): bring them back before you add another"
        raise Refused([Reason("no-majority", text, way_out(now))])
    leaving = [member.name for member in now.members if member.ordinal >= target]
    if target < now.replicas and _is_needed(now, target, leaving):
        text = f"too few of the {target} members that would stay are ONLINE ({missing})"
        raise Refused([Reason("no-majority", text, way_out(now))])


def _only_brings_back(now: Status, target: int) -> bool:
    """No group runs without these members, so a rollout that is open cannot end before they are back."""
    return bool(now.awaited) and target == names.ordinal_of(now.awaited[-1]) + 1


def _will_be_whole(now: Status) -> bool:
    """Whether a majority is ONLINE or joins. The member that a killed run asked for last may not have begun to: it is
    not in the group yet, and `plan` adds no other before it serves."""
    coming = names.pod(now.name, now.replicas - 1)
    is_new = bool(now.group) and coming not in now.group
    counted = [member for member in now.members if not (is_new and member.name == coming)]
    alive = sum(member.state in view.IN_GROUP for member in counted)
    return 2 * alive > now.replicas - is_new


def _hint_down(now: Status) -> str:
    if now.awaited:
        replicas = names.ordinal_of(now.awaited[-1]) + 1
        return f"mysqlops scale {now.name} --replicas {replicas} brings back the members that it waits for"
    return f"mysqlops status {now.name}"


def check_deletion(now: Status, target: int, note: group.Note, *, accept_loss: bool = False) -> None:
    """Before any member leaves: what a leaving member holds must be known. An ONLINE one leaves cleanly, and what only
    it holds now is on its way to the others; the gate checks again before its claim is deleted. Raises Refused."""
    staying = gtid.GtidSet()
    for member in now.members:
        if member.ordinal < target and member.state == view.ONLINE and member.executed is not None:
            staying = staying.union(gtid.GtidSet.parse(member.executed))
    leaving = [member for member in now.members if member.ordinal >= target and member.state != view.ONLINE]
    reasons = [] if accept_loss else [_only_there(member, staying, note) for member in leaving]
    if found := [reason for reason in reasons if reason is not None]:
        raise Refused(found)


def _only_there(member: Member, staying: gtid.GtidSet, note: group.Note) -> Reason | None:
    hint = "keep the claim: omit --pvc delete; or give --accept-loss"
    if member.held is None:
        return Reason("unknown-data", f"what {member.name} holds is not known ({member.waiting_for})", hint)
    shared = note.shared_with(member.name, member.server_uuid)
    only = gate.only_there(gtid.GtidSet.parse(member.held), staying, shared)
    what = f"only {member.name} holds {only}{gate.OTHER_RUN if shared is not None else ''}"
    return Reason("only-copy", what, hint) if only else None


def unusable_because(kept: Kept, held: gtid.GtidSet, purged: list[gtid.GtidSet]) -> str | None:
    """Why a new member may not start with a kept claim, or None.

    `held` is the group's set, `purged` what each member no longer has binary logs for.
    """
    if kept.executed is None:
        return f"claim {kept.name} exists, and what it holds has not been recorded since this history began"
    what = f"claim {kept.name}, kept since {kept.since},"
    return cannot_catch_up_because(what, gtid.GtidSet.parse(kept.executed), held, purged)


def cannot_catch_up_because(
    what: str, executed: gtid.GtidSet, held: gtid.GtidSet, purged: list[gtid.GtidSet]
) -> str | None:
    """Why a member cannot catch up from data with these transactions by the others' binary logs, or None."""
    strange = executed.subtract(held)
    if strange:
        return f"{what} holds {strange}, which the group does not have"
    if not any(gtids.is_subset(executed) for gtids in purged):
        missing = held.subtract(executed).count()
        return f"{what} lacks {missing} transactions, and no member has the binary logs for all of them any more"
    return None


def steps(now: Status, target: int, kept: str, left: Iterable[str] = ()) -> tuple[Step, ...]:
    """All steps, as `--dry-run` prints them; `kept` is "keep" or "delete", `left` are the claims that earlier members
    have left."""
    found = [
        Step("add", "Pod", names.pod(now.name, ordinal), "joins, catches up, is healthy before the next")
        for ordinal in range(now.replicas, target)
    ]
    for ordinal in reversed(range(target, now.replicas)):
        member = names.pod(now.name, ordinal)
        if now.primary == member:
            found.append(
                Step("switchover", "Pod", names.pod(now.name, 0), f"{member} is the primary and is to be removed")
            )
        found.append(Step("remove", "Pod", member, "leaves the group, then stops"))
        if kept == "delete":
            claim = names.claim(now.name, ordinal, now.claims)
            found.append(Step("delete", "PersistentVolumeClaim", claim, "--pvc delete", destructive=True))
    if kept == "delete":
        text = "--pvc delete; kept since its member went"
        found += [Step("delete", "PersistentVolumeClaim", claim, text, destructive=True) for claim in left]
    return tuple(found)
