"""Replace a cluster's data by a backup, and revert that: under the same name, passwords and Services.

The backup is fetched onto a new claim and compared while the members still run. Only then are they stopped; they start
again with new claims and under a new group name. The previous claims are kept; --revert brings them back.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from mysqlops.core import backup, counting, group, instant, names, ordered, quantity, rollout, timeline
from mysqlops.core.target import Target
from mysqlops.core.timeline import History, Swap, Timeline
from mysqlops.core.typed import Json
from mysqlops.errors import Conflict, Reason, Refused
from mysqlops.objects import claims
from mysqlops.operations import backup as backups
from mysqlops.operations import (
    data_version,
    deploy,
    jobs,
    leases,
    observe,
    owned,
    preflight,
    remake,
    restore,
    timeline_notes,
    waiting,
)
from mysqlops.operations.session import Session
from mysqlops.planning import restore as planning
from mysqlops.planning import status
from mysqlops.planning.actions import Done, Wait


@dataclass(frozen=True)
class Source:
    """The parts of a restore."""

    backup: backup.Backup
    target: Target
    to: str = ""  # the point in time to recover to, as core/pitr.py reads it


@dataclass(frozen=True)
class Result:
    """The resulting cluster, the claims put aside, the seconds without a primary (None if another run stopped it), and
    what the Job found on the new claim."""

    status: status.Status
    kept: list[str]
    stopped_seconds: float | None
    filled: restore.Filled = field(default_factory=restore.Filled)


def plan(session: Session, name: str, source: Source) -> Swap:
    """The change to make, or the unfinished change of a killed run; raises Refused."""
    annotations = timeline_notes.read(session, name)
    under_way = timeline.swap_of(annotations)
    reasons = planning.other_restores(name, annotations)
    if under_way is not None and (under_way.backup, under_way.to) == (source.backup.id, source.to):
        if reasons := reasons + owned.others(session.client.find("StatefulSet", name), *owned.DATA):
            raise Refused(reasons)
        return _with_all(session, name, under_way)
    reasons += _unready(session, name, annotations)
    if under_way is not None:
        reasons.append(planning.open_swap(name, under_way))
    running = observe.must_run(session.client, name)
    if quantity.parse_bytes(running.spec.storage_size) < source.backup.size:
        text = f"volumes of {running.spec.storage_size}: the backup has {quantity.format_bytes(source.backup.size)}"
        reasons.append(Reason("volume-too-small", text, f"mysqlops storage resize {name} --size SIZE"))
    reasons += restore.known_bad(source.backup) + backups.check_snapshot(session, source.backup)
    if reasons:
        raise Refused(reasons)
    restore.check_data(source.backup, backups.manifest(session, source.target, source.backup), running.spec)
    restore.check_image(session, source.backup, running.spec)
    preflight.must_get_volumes(session, name)
    old = _in_use(session, name, running.stateful_set, annotations)
    new = Timeline(names.restored_template(session.clock.now()), str(uuid.uuid4()))
    return Swap(old, new, running.spec.replicas, source.backup.id, to=source.to)


def plan_revert(session: Session, name: str) -> Swap:
    """The way back from the last restore, or from an unfinished one of a killed run; raises Refused."""
    annotations = timeline_notes.read(session, name)
    under_way, history = timeline.swap_of(annotations), timeline.history_of(annotations)
    if under_way is not None:
        if under_way.backup:
            back = _way_back(session, name, under_way, annotations)
            under_way = Swap(under_way.new, back, under_way.replicas, abandons=True)
        return _with_all(session, name, under_way)
    if history is None or history.before is None:
        text = f"{name} was never restored in place, so there is nothing to revert"
        raise Refused([Reason("nothing-to-revert", text, "mysqlops restore BACKUP --in-place NAME")])
    running = observe.must_run(session.client, name)
    reasons = planning.other_restores(name, annotations) + _unready(session, name, annotations)
    existing = _claims(session, name, history.before.claims)
    wanted = [names.claim(name, ordinal, history.before.claims) for ordinal in range(running.spec.replicas)]
    if gone := [claim for claim in wanted if claim not in existing]:
        text = f"claims of the previous data are missing: {', '.join(gone)}"
        hint = f"mysqlops scale {name} to the previous number of members, or restore a backup"
        reasons.append(Reason("claims-gone", text, hint))
    reasons += claims.left_out(name, _counting(session, name, history.before, is_left=True), running.spec.replicas)
    if reasons:
        raise Refused(reasons)
    # The group in use may have a new name since it came into use: recover renames it.
    old = _in_use(session, name, running.stateful_set, annotations)
    return Swap(old, history.before, running.spec.replicas)


def _in_use(session: Session, name: str, stateful_set: Json, annotations: dict[str, str]) -> Timeline:
    note = group.note_of(annotations)
    group_name = observe.group_name(session.client, name)
    return _as_noted(Timeline(claims.template_of(stateful_set), group_name), note)


def _way_back(session: Session, name: str, under_way: Swap, annotations: dict[str, str]) -> Timeline:
    """The timeline in use, read again: its group's members and name may have changed since the plan."""
    found = session.client.find("StatefulSet", name)
    if found is None or claims.template_of(found) != under_way.old.claims:
        return under_way.old
    in_use = _in_use(session, name, found, annotations)
    return under_way.old if in_use.group == under_way.new.group else in_use


def _with_all(session: Session, name: str, swap: Swap) -> Swap:
    """The members to start: as many as now, and at least as many as the target timeline has claims. The cluster may
    have been scaled since the change was planned."""
    found = session.client.find("StatefulSet", name)
    running = int(found["spec"]["replicas"]) if found is not None else 0
    counting = [names.ordinal_of(claim) + 1 for claim in _counting(session, name, swap.new, is_left=not swap.abandons)]
    return replace(swap, replicas=max([swap.replicas, running, *counting]))


def _counting(session: Session, name: str, line: Timeline, *, is_left: bool) -> list[str]:
    """Its claims that may hold the last acknowledged writes: those of the members that its group had. Where no group
    was noted: of a timeline left earlier all claims, for all were put aside; else those that no `scale` put aside."""
    if line.members:
        return [claim for claim in _claims(session, name, line.claims) if names.pod_of_claim(claim) in line.members]
    return (
        _claims(session, name, line.claims)
        if is_left
        else observe.unaccounted_claims(session.client, name, line.claims)
    )


def execute(session: Session, name: str, swap: Swap, source: Source | None) -> Result:
    """Take step by step until the new timeline is in use; may be killed and run again. Raises StepFailed, StorageError
    or WaitTimeout."""
    began: float | None = None
    filled = restore.Filled()
    if not swap.backup and not ordered.filling(timeline_notes.read(session, name)):
        jobs.delete(session, names.restore_job(name), name)  # the Job of a restore that is reverted, not a member's
    timeline_notes.write(session, name, {names.ANNOTATION_RESTORING: timeline.dump(swap)})
    patience = waiting.Patience(session)
    done: list[planning.Action] = []
    while not isinstance(action := planning.plan(_see(session, name, swap), swap), Done):
        if isinstance(action, Wait):
            patience.pause(waiting.Pending(action.why))
            continue
        planning.check_progress(name, action, done)
        if action in done:
            patience.pause(waiting.Pending(f"{name} to keep this restore's changes: something undoes them"))
        done.append(action)
        if isinstance(action, planning.NameGroup):
            swap = _name_group(session, name, swap)
            continue
        if action == planning.Scale(0):
            began = session.clock.monotonic()
        filled = _act(session, name, action, source) or filled
    deploy.await_primary(session, name)
    stopped = None if began is None else round(session.clock.monotonic() - began, 1)
    now = deploy.await_healthy(session, name)
    data_version.note(session.client, now)
    return Result(now, _close(session, name, swap), stopped, filled)


def _act(session: Session, name: str, action: planning.Action, source: Source | None) -> restore.Filled | None:
    match action:
        case planning.Fill(claim):
            return _fill(session, name, claim, source)
        case planning.Scale(replicas):
            if replicas == 0:
                observe.keep_claims(session, name)  # the plan may be hours old, or a killed run's
            what = "stopping the members" if replicas == 0 else f"starting {counting.of(replicas, 'member')}"
            session.progress.say(what)
            session.client.scale(name, replicas)
        case planning.Remake(swap):
            session.progress.say(f"starting the members with claims {swap.new.claims}-…")
            remake.begin(session, name, partial(planning.remade, swap=swap))
    return None


def _name_group(session: Session, name: str, swap: Swap) -> Swap:
    """The change, with the way back computed now: no member runs, so the note names the claims that may hold the last
    acknowledged writes; of a Lease from the past, its copy does. One compare-and-swap writes both, then the copy
    follows. A Conflict leaves the step open."""
    lease = leases.get(session.client, name)
    noted = timeline_notes.newest(session.client, name)
    note = group.note_of(noted)
    left = swap.old if note.garbled else _as_noted(swap.old, note)
    now = replace(swap.new, group=str(uuid.uuid4())) if _is_used(note, swap) else swap.new
    changed, parent = replace(swap, old=left, new=now), note.name or left.group
    wanted = group.Note(now.group, parent, members=now.members, outcasts=now.outcasts)
    wanted = replace(wanted, shared=now.shared, elsewhere=now.elsewhere).restored(note)
    named = {names.ANNOTATION_GROUP: group.dump(wanted), names.ANNOTATION_RESTORING: timeline.dump(changed)}
    change = timeline_notes.records(noted) | named
    metadata = {"resourceVersion": lease["metadata"]["resourceVersion"], "annotations": change}
    with suppress(Conflict):
        session.client.patch("Lease", names.group_lease(name), {"metadata": metadata})
        timeline_notes.keep_copy(session.client, name, timeline_notes.after(noted, change))
        return changed
    return swap


def _is_used(note: group.Note, swap: Swap) -> bool:
    """Whether members have begun to form a group under the new timeline's name."""
    return note.name == swap.new.group and bool(note.incarnation or note.joining)


def _as_noted(line: Timeline, note: group.Note) -> Timeline:
    found = replace(line, group=note.name or line.group, members=note.expected())
    return replace(found, outcasts=note.outcasts, shared=note.shared, elsewhere=note.elsewhere)


def _close(session: Session, name: str, swap: Swap) -> list[str]:
    """Label every claim as in use or not, which ends the change; returns the claims not in use."""
    at = instant.text(session.clock.now())
    replicas = int(session.client.get("StatefulSet", name)["spec"]["replicas"])
    used, kept = (_claims(session, name, way.claims) for way in (swap.new, swap.old))
    notes = dict.fromkeys((names.ANNOTATION_KEPT_SINCE, names.ANNOTATION_KEPT_EXECUTED, names.ANNOTATION_KEPT_HISTORY))
    in_use: Json = {"labels": {names.LABEL_KEPT: None}, "annotations": notes}
    put_aside: Json = {"labels": {names.LABEL_KEPT: "true"}, "annotations": {names.ANNOTATION_KEPT_SINCE: at}}
    # Claims that `scale` put aside, before or after the change, keep its notes.
    changes = {claim: in_use for claim in used if names.ordinal_of(claim) < replicas}
    changes |= {claim: put_aside for claim in kept if not _is_kept(session, claim)}
    for claim, change in changes.items():
        session.client.patch("PersistentVolumeClaim", claim, {"metadata": change})
    over: dict[str, str | None] = {names.ANNOTATION_RESTORING: None}
    if not swap.abandons:
        over[names.ANNOTATION_CLAIMS] = timeline.dump(History(swap.new, swap.old, swap.backup, at))
    timeline_notes.write(session, name, over)
    return kept


def _is_kept(session: Session, claim: str) -> bool:
    found = session.client.get("PersistentVolumeClaim", claim)
    return names.LABEL_KEPT in (found["metadata"].get("labels") or {})


def _claims(session: Session, name: str, template: str) -> list[str]:
    existing = observe.claims(session.client, name)
    return [claim for claim in existing if claim == names.claim(name, names.ordinal_of(claim), template)]


def _see(session: Session, name: str, swap: Swap) -> planning.Seen:
    seen = observe.cluster(session.client, name, session.clock)
    first = names.claim(name, 0, swap.new.claims)
    filled = not swap.backup or restore.is_filled(session, first)
    astray = [pod["metadata"]["name"] for pod in claims.astray(seen.pods.values(), name, swap.new.claims)]
    going = [pod for pod, found in seen.pods.items() if planning.is_going(found, seen.stateful_set)]
    noted = timeline_notes.newest(session.client, name)
    group_name, is_used = timeline_notes.group_name(session.client, name, noted), _is_used(group.note_of(noted), swap)
    return planning.Seen(seen.stateful_set, list(seen.pods), group_name, filled, astray, going, is_used)


def _fill(session: Session, name: str, claim: str, source: Source | None) -> restore.Filled:
    assert source is not None  # noqa: S101 (only a restore, which has one, asks for it)
    running = observe.must_run(session.client, name)
    if session.client.find("PersistentVolumeClaim", claim) is None:
        made = planning.first_claim(running.stateful_set, claim, source.backup, source.to)
        session.client.create("PersistentVolumeClaim", made)
    filling = restore.Filling(running.spec, running.in_use, claim, source.to)
    return restore.fill(session, source.backup, source.target, filling)


def _unready(session: Session, name: str, annotations: dict[str, str]) -> list[Reason]:
    """Unfinished work of other verbs, which must end first."""
    stateful_set = observe.must_run(session.client, name).stateful_set
    reasons = owned.others(stateful_set, *owned.DATA)
    if ordered.stopped(annotations) or int(stateful_set["spec"]["replicas"]) == 0:
        reasons.append(Reason("stopped", f"{name} is stopped", f"mysqlops start {name}"))
    if rollout.read(stateful_set) is not None:
        text = f"a rollout of {name} is under way"
        reasons.append(Reason("rollout-open", text, f"mysqlops upgrade {name} --resume, or --rollback"))
    return reasons + status.reasons_of(observe.judged(session, name), claims.GOING)
