"""From one timeline of a cluster's data to another, step by step; the same steps lead there and back. Pure.

The members are stopped only once the new data is complete and verified, and the old data is never touched: a run that
is killed anywhere is finished by the next one, or reverted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mysqlops.core import names, ordered, timeline, typed
from mysqlops.core.backup import Backup
from mysqlops.core.plan import Step
from mysqlops.core.timeline import Swap, Timeline
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, StepFailed
from mysqlops.objects import backup, claims, render
from mysqlops.planning import storage
from mysqlops.planning.actions import Done, Wait


@dataclass(frozen=True)
class Seen:
    """The cluster as the plan needs it; `group` is the name that members would start with, `is_used` whether some have
    done so. `astray` are the pods on claims of another timeline than the new one, `going` those that end without being
    asked."""

    stateful_set: Json
    pods: Sequence[str]
    group: str
    is_filled: bool  # the first member's new claim holds the backup, which compared equal
    astray: Sequence[str] = ()
    going: Sequence[str] = ()
    is_used: bool = False


@dataclass(frozen=True)
class Fill:
    """Put the backup onto this claim, while the members keep running."""

    claim: str


@dataclass(frozen=True)
class Scale:
    """Run this number of members: none or all."""

    replicas: int


@dataclass(frozen=True)
class NameGroup:
    """Members that start from now on continue this timeline: under its name, with its members as the expected ones."""

    timeline: Timeline


@dataclass(frozen=True)
class Remake:
    """Create the StatefulSet again, with the claims of the change's new timeline."""

    swap: Swap


@dataclass(frozen=True)
class Astray:
    """Members of the new StatefulSet run on other data, as `why` says: it adopted their pods."""

    why: str


Action = Fill | Scale | NameGroup | Remake | Astray | Wait | Done


def plan(seen: Seen, swap: Swap) -> Action:
    """The next step. A group with the new claims and neither name continues under one that `recover` gave it. A name
    under which the previous claims were started, by a tool that applies manifests, is theirs."""
    running = int(seen.stateful_set["spec"]["replicas"])
    has_claims = claims.template_of(seen.stateful_set) == swap.new.claims
    if not seen.is_filled:
        return Fill(names.claim(seen.stateful_set["metadata"]["name"], 0, swap.new.claims))
    if has_claims and seen.group != swap.old.group:
        return _in_use(seen, swap, running)
    if running:
        return Scale(0)
    if seen.pods:
        return Wait(f"{', '.join(sorted(seen.pods))} to stop")
    if seen.group != swap.new.group or seen.is_used:
        return NameGroup(swap.new)
    return Remake(swap)


def _in_use(seen: Seen, swap: Swap, running: int) -> Action:
    """The template alone does not say on which data members run."""
    staying = sorted(set(seen.astray) - set(seen.going)) if running else []
    if staying:
        return Astray(f"{', '.join(staying)} runs on previous claims, not on {swap.new.claims}-…, and may take writes")
    if seen.astray:
        return Wait(f"{', '.join(sorted(seen.astray))} to stop, on previous claims")
    return Done() if running else Scale(swap.replicas)  # it may have been scaled since, which is not undone


def check_progress(name: str, action: Action, done: Sequence[Action]) -> None:
    """Raises StepFailed where going on would only repeat steps, with clients out."""
    if isinstance(action, Astray):
        hint = f"mysqlops restore --revert {name} keeps what these claims hold; then restore again"
        raise StepFailed(action.why, hint=hint)
    if not isinstance(action, NameGroup) and done.count(action) > 1:  # a tool that applies manifests
        text = f"something undoes this restore's changes of StatefulSet {name}, such as the number of its replicas"
        raise StepFailed(text, hint=f"{storage.way_on(name)}, or end it: mysqlops restore --revert {name}")


def is_going(pod: Json, stateful_set: Json) -> bool:
    """Whether it ends without being asked: it is being deleted, or its own StatefulSet was."""
    uid = stateful_set["metadata"]["uid"]
    owners = pod["metadata"].get("ownerReferences") or []
    return "deletionTimestamp" in pod["metadata"] or all(owner.get("uid", uid) != uid for owner in owners)


def remade(stateful_set: Json, swap: Swap) -> Json:
    """The same StatefulSet with the claims and members of the new timeline."""
    wanted = storage.recreatable(stateful_set)
    render.name_claims(wanted, swap.new.claims)
    wanted["spec"]["replicas"] = swap.replicas
    return wanted


def other_restores(name: str, annotations: Mapping[str, str], *, member: str = "") -> list[Reason]:
    """Why a restore in place, or one onto this member, must wait for one of the other kind: a killed run's note stays.

    Both use the same Job, and a member that waits for its backup would wait on the claims of another timeline too.
    """
    if member:
        swap = timeline.swap_of(annotations)
        return [open_swap(name, swap)] if swap is not None else []
    return [open_filling(name, pod, backup) for pod, backup in sorted(ordered.filling(annotations).items())]


def open_filling(name: str, pod: str, backup: str) -> Reason:
    text = f"{backup} is being restored onto {pod}, which waits for it"
    hint = f"mysqlops restore {backup} --member {pod} continues it; mysqlops member rebuild {name} {pod} ends it"
    return Reason("restore-open", text, hint)


def open_swap(name: str, swap: Swap) -> Reason:
    what = f"a restore of {swap.backup}" if swap.backup else "a revert"
    hint = f"mysqlops restore {swap.command(name)} continues it; mysqlops restore --revert {name} ends it"
    return Reason("restore-open", f"{what} was begun on {name} and is not finished", hint)


@dataclass(frozen=True)
class Aim:
    """What fills a claim: a backup, and the point to which it is recovered (core/pitr.py), empty without one."""

    backup: str
    to: str = ""

    def __str__(self) -> str:
        return f"{self.backup} recovered to {self.to}" if self.to else self.backup

    def command(self, name: str) -> str:
        """What continues this restore to a new cluster."""
        return f"mysqlops restore {self.backup} --as {name}{f' --to {self.to}' if self.to else ''}"


def aim_of(claim: Json) -> Aim | None:
    """None once the claim is filled: it holds more than that then, or a member has used it."""
    notes = claim["metadata"].get("annotations") or {}
    found, to = notes.get(names.ANNOTATION_RESTORED), notes.get(names.ANNOTATION_POINT) or ""
    if not found:
        return None
    # Whoever may patch claims may have written both, and a user copies them into a shell.
    return Aim(ordered.named(found), to if not to or typed.is_word(to) else "POINT")


def aim_notes(aim: Aim | None) -> dict[str, str | None]:
    """The annotations of a claim that say so."""
    return {
        names.ANNOTATION_RESTORED: aim.backup if aim else None,
        names.ANNOTATION_POINT: (aim.to or None) if aim else None,
    }


def filled_notes(aim: Aim) -> dict[str, str | None]:
    """Those of the first claim of a new cluster once it is filled, until a group was formed with it."""
    return {**aim_notes(None), names.ANNOTATION_FILLED: _filled(aim)}


def is_filled_for(claim: Json, aim: Aim | None) -> bool:
    notes = claim["metadata"].get("annotations") or {}
    return aim is not None and notes.get(names.ANNOTATION_FILLED) == _filled(aim)


def _filled(aim: Aim) -> str:
    return f"{aim.backup} {aim.to}".strip()


def first_claim(stateful_set: Json, claim: str, found: Backup, to: str) -> Json:
    """The claim that the backup goes to, as a StatefulSet would create it, with a note of what fills it. A Job skips
    the steps that are done: another run continues with the claim only if it restores the same backup to the same
    point."""
    template = storage.recreatable(stateful_set)["spec"]["volumeClaimTemplates"][0]
    if found.volume_snapshot:
        backup.from_snapshot(template["spec"], found.volume_snapshot)
    metadata = {
        "name": claim,
        "labels": template["metadata"].get("labels", {}),
        "annotations": {key: value for key, value in aim_notes(Aim(found.id, to)).items() if value},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": template["spec"]}


def steps(name: str, swap: Swap) -> tuple[Step, ...]:
    """All steps, as `--dry-run` prints them."""
    first = names.claim(name, 0, swap.new.claims)
    old = ", ".join(names.claim(name, ordinal, swap.old.claims) for ordinal in range(swap.replicas))
    found = [
        Step("stop", "StatefulSet", name, "no member runs while the data changes; clients are refused"),
        Step("replace", "StatefulSet", name, f"its claims are then named {swap.new.claims}-…"),
        Step("keep", "PersistentVolumeClaim", old, "unchanged; only `mysqlops delete` ever deletes them"),
    ]
    if swap.backup:
        found.insert(0, Step("fill", "PersistentVolumeClaim", first, f"with {swap.backup}, started and compared"))
        copies = f"{swap.replicas - 1} more members clone the first" if swap.replicas > 1 else "there is one member"
        found.append(Step("start", "StatefulSet", name, copies))
    else:
        found.append(Step("start", "StatefulSet", name, "the members form their previous group again"))
    return tuple(found)
