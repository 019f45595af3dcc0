"""Who blocks the end of a full outage, what only each of them holds, and the order to continue without some. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mysqlops.core import group, gtid, names, view
from mysqlops.core.publication import load
from mysqlops.errors import Reason, Refused
from mysqlops.planning import gate, status, verdict


@dataclass(frozen=True)
class Risk:
    """A member that is to be given up. `only_there` is what it last reported and no member that stays holds (None: it
    never reported). If `is_known`, the report is current; otherwise it may hold more by now."""

    member: str
    why: str
    server_uuid: str
    only_there: str | None
    is_known: bool = False


@dataclass(frozen=True)
class _Last:
    """What a member last published, however long ago."""

    server_uuid: str
    held: gtid.GtidSet | None
    is_outside: bool  # it answers now, and is in no group
    shared: gtid.GtidSet | None = None  # all that others can have of it, if it was in another run (core/group.py)

    def counted(self) -> gtid.GtidSet:
        """What it holds of the history."""
        held = self.held or gtid.GtidSet()
        return held if self.shared is None else held.common(self.shared)

    def apart(self) -> gtid.GtidSet:
        """What it holds under numbers that stand for other transactions elsewhere."""
        return (self.held or gtid.GtidSet()).subtract(self.counted())


@dataclass(frozen=True)
class Recovery:
    """Whom to give up, and which of them the user named; and outcasts to take back (pod to server_uuid), where nobody
    else is left."""

    risks: tuple[Risk, ...]
    back: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()


def plan(seen: status.Observed, without: Collection[str] = ()) -> Recovery:
    """The members to give up: those that are missing, and those named in `without`, which may have diverged. Raises
    Refused if a group runs, nobody is in the way, nobody would be left, or those who are left have diverged."""
    now = verdict.judge(seen)
    note = group.note_of(status.annotations_of(seen.lease))
    _check_outage(now, note)
    lasts = {pod: _last(seen, now, pod) for pod in sorted(_expected(note, now), key=names.ordinal_of)}
    if strangers := sorted(set(without) - set(lasts) - set(_others(seen, now, note))):
        text = f"--without {strangers[0]}: {now.name} has {', '.join(lasts)}"
        raise Refused([Reason("no-such-member", text, f"mysqlops status {now.name}")])
    missing = [pod for pod, last in lasts.items() if not last.is_outside or pod in without]
    others = {pod: _last(seen, now, pod) for pod in _others(seen, now, note) if pod not in lasts}
    if missing or without:
        # Those of the last view held all that the others hold. Without them, what the others hold counts.
        lasts |= others
        missing = [pod for pod, last in lasts.items() if not last.is_outside or pod in without]
    staying = {pod: last.counted() for pod, last in lasts.items() if pod not in missing}
    able = [pod for pod in staying if not note.casts_out(pod, lasts[pod].server_uuid)]
    back = {} if able else {pod: lasts[pod] for pod in staying} or _back(seen, now, note)
    staying = staying or {pod: last.counted() for pod, last in back.items()}
    if not staying:
        hint = f"kubectl get pods; if all data is lost: mysqlops restore BACKUP --in-place {now.name}"
        raise Refused([Reason("all-missing", "no member is left that could form the group", hint)])
    if len(apart := {pod: own for pod, last in back.items() if (own := last.apart())}) > 1:
        raise Refused(_shown_apart(now.name, apart))
    if not missing and not back:
        raise Refused(_nobody_missing(now.name, staying, _beyond(others, _union(staying))))
    if _diverged(staying):
        raise Refused(_shown(now.name, staying))
    risks = tuple(_risk(pod, now, lasts[pod], _union(staying)) for pod in missing)
    return Recovery(risks, _uuids(back), frozenset(without))


def _check_outage(now: status.Status, note: group.Note) -> None:
    if any(member.state in view.IN_GROUP for member in now.members):
        text = ", ".join(f"{member.name} {member.state}" for member in now.members)
        raise Refused([Reason("group-runs", f"a group is running ({text}): there is nothing to recover")])
    if note.garbled:
        lease = names.group_lease(now.name)
        hint = f"remove annotation {names.ANNOTATION_GROUP} of Lease {lease}: the copy on the Secret is used then"
        raise Refused([Reason("note-unreadable", "what the Lease records of the last group cannot be read", hint)])


def _beyond(others: dict[str, _Last], everything: gtid.GtidSet) -> dict[str, gtid.GtidSet]:
    """Members outside the last view that hold more of the group's transactions, for which the agents wait too
    (planning/outage.py)."""
    present = {pod: (last.counted(), last.server_uuid) for pod, last in others.items() if last.is_outside}
    return {pod: held for pod, (held, uuid) in present.items() if held.subtract(everything).beside(uuid)}


def _others(seen: status.Observed, now: status.Status, note: group.Note) -> list[str]:
    """Members that are wanted, or whose claims exist, and that had left the group before its last view."""
    wanted = {names.pod(now.name, ordinal) for ordinal in range(now.replicas)}
    beyond = {
        names.pod_of_claim(claim)
        for claim, found in seen.claims.items()
        if claim.startswith(f"{now.claims}-{now.name}-")
        and names.LABEL_KEPT not in (found["metadata"].get("labels") or {})
    }
    left = {pod for pod in note.outcasts if pod not in note.members}
    return sorted((wanted | {pod for pod in beyond if names.is_pod(pod)}) - left, key=names.ordinal_of)


def _back(seen: status.Observed, now: status.Status, note: group.Note) -> dict[str, _Last]:
    """Outcasts that are present: if no other member is left, they hold the only data."""
    found = {pod: _last(seen, now, pod) for pod in note.outcasts}
    return {pod: last for pod, last in found.items() if last.is_outside and last.held}


def _uuids(lasts: dict[str, _Last]) -> dict[str, str]:
    return {pod: last.server_uuid for pod, last in lasts.items()}


def _risk(pod: str, now: status.Status, last: _Last, everything: gtid.GtidSet) -> Risk:
    waiting = next((member.waiting_for for member in now.members if member.name == pod), "")
    why = waiting or "it was in the last group, and has no pod now"
    only = None if last.held is None else str(gate.only_there(last.held, everything, last.shared))
    return Risk(pod, why, last.server_uuid, only, last.is_outside)


def order(seen: status.Observed, found: Recovery, new_name: str) -> group.GoOnWithout:
    """The order to the members: it is valid for this outage, and the history continues under another name."""
    members = {risk.member: risk.server_uuid for risk in found.risks}
    named = {pod: uuid for pod, uuid in members.items() if pod in found.named}
    return group.GoOnWithout(members, new_name, _acquired(seen), found.back, named)


def _nobody_missing(name: str, sets: dict[str, gtid.GtidSet], beyond: dict[str, gtid.GtidSet]) -> list[Reason]:
    if not beyond and not _diverged(sets):
        text = "all members are known and form the group by themselves"
        return [Reason("none-missing", text, f"mysqlops status {name} shows what each waits for")]
    return _shown(name, sets | beyond)


def _diverged(sets: dict[str, gtid.GtidSet]) -> bool:
    everything = _union(sets)
    return not any(everything.is_subset(held) for held in sets.values())


def _shown(name: str, sets: dict[str, gtid.GtidSet]) -> list[Reason]:
    """What each member holds that no other does."""
    hint = f"choose whose transactions to give up: mysqlops recover {name} --without MEMBER"
    found = []
    for pod, held in sets.items():
        only = held.subtract(_union({other: theirs for other, theirs in sets.items() if other != pod}))
        found.append(
            Reason("diverged", f"only {pod} holds {only}" if only else f"{pod} holds nothing of its own", hint)
        )
    return found


def _shown_apart(name: str, sets: dict[str, gtid.GtidSet]) -> list[Reason]:
    """Members that have all barred themselves: by their numbers nobody can see whose transactions are the history."""
    hint = f"choose whose transactions to give up: mysqlops recover {name} --without MEMBER"
    text = "and under the same numbers another member may have other transactions"
    return [Reason("diverged", f"{pod} holds {own}, {text}", hint) for pod, own in sets.items()]


def _expected(note: group.Note, now: status.Status) -> dict[str, str]:
    """The same members that the agents expect (planning/outage.py): an outage that waits for others would never end."""
    wanted = [names.pod(now.name, ordinal) for ordinal in range(now.replicas)]
    return note.expected(wanted)


def _last(seen: status.Observed, now: status.Status, pod: str) -> _Last:
    note = group.note_of(status.annotations_of(seen.lease))
    found = seen.pods.get(pod)
    state = next((member.state for member in now.members if member.name == pod), status.ABSENT)
    text = (found["metadata"].get("annotations") or {}).get(names.ANNOTATION_MEMBER) if found else None
    last = load(text, found["metadata"]["uid"]) if found else None
    expected = note.expected().get(pod, "") or note.outcasts.get(pod, "")
    if last is None:
        return _Last(expected, None, is_outside=False)
    held = gtid.GtidSet.parse(last.held or last.executed).union(gtid.GtidSet.parse(last.received))
    # A server that does not answer has no UUID in the publication; its pod's volume is still the same.
    is_that_one = "" in (expected, last.server_uuid) or expected == last.server_uuid
    is_outside = state in (view.OFFLINE, view.ERROR) and is_that_one
    said = bool(last.server_uuid or last.held) and is_that_one
    shared = note.shared_with(pod, last.server_uuid or expected)
    return _Last(expected or last.server_uuid, held if said else None, is_outside, shared)


def _union(sets: dict[str, gtid.GtidSet]) -> gtid.GtidSet:
    everything = gtid.GtidSet()
    for held in sets.values():
        everything = everything.union(held)
    return everything


def _acquired(seen: status.Observed) -> str:
    return str((seen.lease or {}).get("spec", {}).get("acquireTime") or "")
