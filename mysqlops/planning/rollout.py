"""Which pod is replaced next, what a rollout waits for, and when a new pod has failed. Pure.

Replicas go first, the highest ordinal as the canary, the primary last and after a switchover. No pod is replaced while
the group is incomplete, except one that is outside it anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mysqlops.core import names, series, version, view
from mysqlops.core.plan import Step
from mysqlops.core.rollout import Rollout
from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.objects.claims import GOING
from mysqlops.objects.pods import container, containers, is_running, last_words
from mysqlops.planning.actions import Done, Wait
from mysqlops.planning.status import (
    ABSENT,
    CONTRADICTIONS,
    Member,
    Status,
    are_majority,
    carriers,
    in_the_way,
    reasons_of,
)
from mysqlops.planning.switchover import Switchover

_CAUGHT_UP = 1000  # a member with at most this many transactions to apply counts as back
_HOPELESS = {"ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff", "CreateContainerConfigError"}
_CRASHES = 2  # restarts: the third start failed too


@dataclass(frozen=True)
class Replace:
    """Delete this pod; the StatefulSet creates it again from its newest template."""

    pod: str
    why: str


Action = Replace | Switchover | Wait | Done


def plan(now: Status, old: Collection[str], dead: Collection[str] = (), *, goes_back: bool = False) -> Action:
    """The next action; `old` are the pods still to be replaced, `dead` those whose mysqld does not run. A primary with
    a template that failed hands over first: clients may be shut out as long as it leads."""
    out_of_group = [member for member in now.members if member.name in old and member.state not in view.IN_GROUP]
    if out_of_group:
        needed = [(member, _needed_because(member, now, old, dead)) for member in reversed(out_of_group)]
        first = next((one for one, why in needed if why is None), None)
        return Wait(str(needed[0][1])) if first is None else Replace(first.name, f"it is {first.state}")
    if blocking := held_up_by(now):
        return Wait(blocking[0])
    waiting = sorted(
        (member for member in now.members if member.name in old), key=lambda one: (_leads(one, now), -one.ordinal)
    )
    if not waiting:
        return Done()
    of_last = _next_of(now, waiting[-1], old)
    return of_last if goes_back and isinstance(of_last, Switchover) else _next_of(now, waiting[0], old)


def _next_of(now: Status, first: Member, old: Collection[str]) -> Action:
    if not _leads(first, now):
        return Replace(first.name, "a replica")
    successor = next(
        (member for member in now.members if member.name not in old and member.role == names.ROLE_REPLICA), None
    )
    # A group refuses to switch over to a member of a newer version; it elects one when the old primary leaves.
    if successor is not None and version.is_same(successor.version, first.version):
        return Switchover(first.name, successor.name)
    return Replace(first.name, "the primary, last: it hands over as it leaves")


def _is_proven(now: Status, old: Collection[str]) -> bool:
    """True if no pod has the new template yet, or one that has it is in the group."""
    new = [member for member in now.members if member.name not in old]
    return not new or any(member.state == view.ONLINE for member in new)


def _needed_because(member: Member, now: Status, old: Collection[str], dead: Collection[str]) -> str | None:
    """Why a member that seems not to serve is not replaced now: it may still lead, or join. None if it may go. A silent
    agent, or one that mysqld refuses, says nothing about mysqld: a group works on without its agents, as does a
    primary.
    """
    if member.state in (view.OFFLINE, view.ERROR) and now.primary is None:
        # After a power failure it is about to form or join the group, which an unproven template might prevent.
        return f"no group runs, and {member.name}, which is {member.state}, is needed to form it"
    if member.state in (view.OFFLINE, view.ERROR) and not _is_proven(now, old):
        return f"no new pod has come up yet, and {member.name}, which is {member.state}, is about to join as it is"
    if member.state in (view.OFFLINE, view.ERROR, ABSENT) or member.name in dead:
        return None
    others = carriers(now, [member.name])
    is_settled = now.primary not in (None, member.name) and not reasons_of(now, *CONTRADICTIONS)
    if is_settled and are_majority(others, now.replicas):
        return None
    why = f"{member.name} is {member.state} ({member.waiting_for or 'no reason known'})"
    return f"{why} and may lead the group: no primary with a majority of the others is seen"


def dead(pods: Mapping[str, Json]) -> frozenset[str]:
    """The pods whose mysqld does not run, as kubelet reports: deleting them interrupts nothing."""
    return frozenset(name for name, pod in pods.items() if _is_dead(pod))


def gone(now: Status, pods: Mapping[str, Json], *, goes_back: bool) -> frozenset[str]:
    """The pods whose mysqld does not run and is not waited for. While no group runs, as after a power failure, one that
    is about to start again is needed to form it, and a new template might prevent that; not one that cannot start."""
    if now.primary is not None or goes_back:
        return dead(pods)
    return frozenset(name for name in dead(pods) if failed_because(pods[name]))


def _is_dead(pod: Json) -> bool:
    own = container(pod, names.CONTAINER_MYSQLD)
    return not is_running(own) if own is not None else not pod.get("spec", {}).get("nodeName")


def first(now: Status, hint: str) -> str:
    """The hint, after what comes before it: no template brings up a group that waits for members which somebody scaled
    away."""
    if not now.awaited:
        return hint
    return f"{'; '.join(reason.hint or '' for reason in reasons_of(now, 'no-primary'))}; then {hint}"


def no_way_back(now: Status, record: Rollout) -> list[Reason]:
    """Why a rollout may not be rolled back. A member whose data another version has touched starts empty on the way
    back, so a primary with all the data and the previous version must be seen. If the new version's server ran on no
    member's data, the claims are kept, and no primary is needed."""
    if not record.changes_version():
        return []
    leader = next((member for member in now.members if member.name == now.primary), None)
    forward = f"fix the cause above, then mysqlops upgrade {now.name} --resume"
    if leader is not None and version.is_same(leader.version, record.version_after) and not _is_openable(record):
        text = f"{leader.name} already leads with {record.version_after}, so there is no way back to"
        return [Reason("newer-leads", f"{text} {record.version_before}", forward)]
    newer = [member.name for member in now.members if version.is_same(member.version, record.version_after)]
    if leader is None and newer and now.replicas > 1:
        states = ", ".join(
            f"{member.name} is {member.state} ({member.waiting_for or 'no reason known'})" for member in now.members
        )
        text = f"going back to {record.version_before} gives {', '.join(newer)} empty claims, and no primary is seen"
        return [Reason("no-primary", f"{text} that holds all their data: {states}", forward)]
    return []


def _is_openable(record: Rollout) -> bool:
    """Whether the previous version opens what the newer one wrote, and joins its group."""
    before, after = version.find(record.version_before), version.find(record.version_after)
    return before is not None and after is not None and series.may_take_back(before, after)


def stays_as_it_is(now: Status, record: Rollout, *, is_dead: bool) -> list[Reason]:
    """Why a failed rollout is not rolled back automatically: the only member's new server runs, so it may just be
    upgrading the data. One that does not run is replaced by the previous one, on the same data: that starts, or refuses
    data that the newer one has changed."""
    if not record.changes_version() or now.replicas > 1 or is_dead:
        return []
    text = f"{now.name} has one member, whose server runs and may be upgrading the data; nothing was deleted"
    hint = (
        f"fix the cause above, then mysqlops upgrade {now.name} --resume; or --rollback starts the previous version "
        f"on the same data; or mysqlops restore BACKUP --as NAME"
    )
    return [Reason("only-member", text, hint)]


def no_way_forward(name: str, record: Rollout) -> list[Reason]:
    """Why a rollout that goes back cannot go forward again."""
    if not record.failure or record.after:
        return []
    text = f"an older mysqlops recorded this rollout of {name}, without the template from which it went back"
    return [Reason("no-way-forward", text, f"mysqlops upgrade {name} --resume; or mysqlops restore BACKUP --as NAME")]


def _leads(member: Member, now: Status) -> bool:
    return member.name == now.primary


def held_up_by(now: Status) -> list[str]:
    """Why no pod may be replaced now. A claim that is being deleted is no reason: its pod is among the old ones, and
    replacing that pod, through the gate, completes the deletion."""
    found = [condition.message for condition in in_the_way(now, "rollout-open", GOING)]
    found += [
        f"{member.name} has {member.behind} transactions to apply"
        for member in now.members
        if (member.behind or 0) > _CAUGHT_UP
    ]
    return found


def failed_because(pod: Json) -> str | None:
    """Why a new pod will not come up by itself, or None while it still may."""
    for found in containers(pod):
        waiting = found.get("state", {}).get("waiting") or {}
        crashed = waiting.get("reason") == "CrashLoopBackOff" and int(found.get("restartCount", 0)) >= _CRASHES
        if waiting.get("reason") in _HOPELESS or crashed:
            message = last_words(found) or str(waiting.get("message", ""))[:300]
            return f"container {found['name']} of {pod['metadata']['name']}: {waiting['reason']}: {message}"
    return None


def steps(now: Status, why: str, *, changes_version: bool) -> tuple[Step, ...]:
    """The order in which all pods will be replaced, as `--dry-run` prints it. A group does not switch over to a member
    of a newer version: between versions the old primary hands over as it leaves."""
    replicas = sorted((member for member in now.members if not _leads(member, now)), key=lambda one: -one.ordinal)
    found = [
        Step("replace", "Pod", member.name, "replica" + (", the canary" * (member is replicas[0])))
        for member in replicas
    ]
    if now.primary is not None:
        successor = replicas[-1].name if replicas else None
        if successor and not changes_version:
            found.append(Step("switchover", "Pod", successor, f"becomes primary in place of {now.primary}"))
        found.append(Step("replace", "Pod", now.primary, _last(changes_version) if replicas else "the only member"))
    return (Step("apply", "StatefulSet", now.name, why), *found)


def _last(changes_version: bool) -> str:
    return "the primary, last: it hands over as it leaves" if changes_version else "the old primary, last"
