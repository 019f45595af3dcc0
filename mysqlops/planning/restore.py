"""From one timeline of a cluster's data to another, step by step; the same steps lead there and back. Pure.

The members are stopped only when the data that comes is there and proven, and nothing that goes is touched: a run that
is killed anywhere is finished by the next one, or taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops.core import names
from mysqlops.core.backup import Backup
from mysqlops.core.plan import Step
from mysqlops.core.timeline import Swap, Timeline
from mysqlops.objects import backup, claims, render
from mysqlops.planning import storage
from mysqlops.planning.actions import Done, Wait

Json = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """What counts of the cluster now; `group` is the name that members would start with."""

    stateful_set: Json
    pods: Sequence[str]
    group: str
    is_filled: bool  # the first member's new claim holds the backup, compared


@dataclass(frozen=True)
class Fill:
    """Put the backup onto this claim, beside the members that run."""

    claim: str


@dataclass(frozen=True)
class Scale:
    """Let so many members run: none, or all."""

    replicas: int


@dataclass(frozen=True)
class NameGroup:
    """Members that start from now on continue this timeline: under its name, and with its members expected."""

    timeline: Timeline


@dataclass(frozen=True)
class Remake:
    """Create the StatefulSet again, with other claims."""

    wanted: Json


Action = Fill | Scale | NameGroup | Remake | Wait | Done


def plan(seen: Seen, swap: Swap) -> Action:
    """The next step. A group that has the new claims and neither name goes on under one that `recover` gave it."""
    running = int(seen.stateful_set["spec"]["replicas"])
    has_claims = claims.template_of(seen.stateful_set) == swap.new.claims
    if not seen.is_filled:
        return Fill(names.claim(seen.stateful_set["metadata"]["name"], 0, swap.new.claims))
    if has_claims and seen.group != swap.old.group:
        return Done() if running else Scale(swap.replicas)  # scaled since, perhaps: that is not undone
    if running:
        return Scale(0)
    if seen.pods:
        return Wait(f"{', '.join(sorted(seen.pods))} to stop")
    if seen.group != swap.new.group:
        return NameGroup(swap.new)
    return Remake(remade(seen.stateful_set, swap))


def remade(stateful_set: Json, swap: Swap) -> Json:
    """The same StatefulSet with the claims and members of the new timeline."""
    wanted = storage.anew(stateful_set)
    render.name_claims(wanted, swap.new.claims)
    wanted["spec"]["replicas"] = swap.replicas
    return wanted


@dataclass(frozen=True)
class Aim:
    """What fills a claim: a backup, and the point to which it is brought (core/pitr.py), empty if to none."""

    backup: str
    to: str = ""

    def __str__(self) -> str:
        return f"{self.backup} brought to {self.to}" if self.to else self.backup


def aim_of(claim: Json) -> Aim | None:
    """None once the claim is filled: then it holds more than that, or a member has had it."""
    notes = claim["metadata"].get("annotations") or {}
    found = notes.get(names.ANNOTATION_RESTORED)
    return Aim(found, notes.get(names.ANNOTATION_POINT) or "") if found else None


def aim_notes(aim: Aim | None) -> dict[str, str | None]:
    """The annotations of a claim that say so."""
    return {
        names.ANNOTATION_RESTORED: aim.backup if aim else None,
        names.ANNOTATION_POINT: (aim.to or None) if aim else None,
    }


def first_claim(stateful_set: Json, claim: str, found: Backup, to: str) -> Json:
    """The claim that the backup goes to, as a StatefulSet would make it, with a note of what fills it. The steps of a
    Job do nothing that they find done: another run goes on with the claim only if it aims at the same."""
    template = storage.anew(stateful_set)["spec"]["volumeClaimTemplates"][0]
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
        Step("replace", "StatefulSet", name, f"its claims are then called {swap.new.claims}-…"),
        Step("keep", "PersistentVolumeClaim", old, "as they are; nothing of mysqlops deletes them but delete"),
    ]
    if swap.backup:
        found.insert(0, Step("fill", "PersistentVolumeClaim", first, f"with {swap.backup}, started and compared"))
        copies = f"{swap.replicas - 1} more members copy the first" if swap.replicas > 1 else "there is one member"
        found.append(Step("start", "StatefulSet", name, copies))
    else:
        found.append(Step("start", "StatefulSet", name, "the members form their group of before"))
    return tuple(found)
