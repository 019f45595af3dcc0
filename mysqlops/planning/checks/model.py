"""What a check is given, and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.planning import status

TARGETS = "Secrets of targets"  # unread if this user may not list them
BUDGET, ROLE, SERVERS = "PodDisruptionBudget", "Role", "servers"  # what a check needs beyond what `status` reads
MAPS = "ConfigMaps"  # unread too if another release wrote them
CLASSES, VOLUMES = "StorageClass", "PersistentVolume"  # of the whole Kubernetes cluster: few may read them


@dataclass(frozen=True)
class Answer:
    """What one member's server answered, and between which moments of this machine's clock (seconds)."""

    asked: float
    answered: float
    parts: Mapping[str, Any]


@dataclass(frozen=True)
class Map:
    """A ConfigMap that members start with, as this release writes it; the live one; and why settings in it would be
    refused today."""

    wanted: Json
    found: Json | None
    refused: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.wanted["metadata"]["name"])


@dataclass(frozen=True)
class Facts:
    """Everything that was observed. `unread`: source, or member, and why it could not be read."""

    seen: status.Observed
    now: status.Status
    answers: Mapping[str, Answer] = field(default_factory=dict)
    objects: Mapping[str, Json | None] = field(default_factory=dict)  # BUDGET, ROLE: the object, None: it is missing
    wanted: Mapping[str, Json] = field(default_factory=dict)  # the same as this release makes them
    classes: tuple[Json, ...] = ()  # CLASSES: all of them
    volumes: Mapping[str, Json] = field(default_factory=dict)  # VOLUMES: those of members' claims that exist
    maps: tuple[Map, ...] = ()  # MAPS
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.now.name

    def part(self, part: str) -> dict[str, Any]:
        """Member -> its answer to one part of the examination, where it gave one."""
        return {pod: one.parts[part] for pod, one in self.answers.items() if part in one.parts}


@dataclass(frozen=True)
class Finding:
    """What is wrong, what shows it, why it matters, and the command or action that fixes it."""

    check: str
    what: str
    evidence: str
    why: str
    fix: str

    def as_json(self) -> Json:
        return asdict(self)


Found = tuple[str, str, str]  # what, evidence, fix


@dataclass(frozen=True)
class Coming:
    """What a command is about to make: claims that name a class (None: the default one), for `members` in all.
    `classes` and `nodes` are what Kubernetes has for them; None: this user may not read those."""

    name: str
    members: int
    named: str | None
    classes: Sequence[Json] | None
    nodes: Sequence[Json] | None
    is_new: bool = False  # nothing of the cluster exists yet


@dataclass(frozen=True)
class Check:
    """`holds` is true if nothing is found; `why` it matters. `codes` are conditions of `status`; `parts` is what
    each server is asked for. `ahead` asks the same of what a command is about to make (operations/preflight.py)."""

    name: str
    holds: str
    why: str
    codes: tuple[str, ...] = ()
    judge: Callable[[Facts], Sequence[Found]] | None = None
    needs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    ahead: Callable[[Coming], Sequence[Reason]] | None = None
    refuses: bool = True  # the command, for what is found ahead; else it warns

    def findings(self, facts: Facts) -> list[Finding]:
        mine = [condition for condition in facts.now.conditions if condition.code in self.codes]
        found = [
            (f"not so: {self.holds}", f"{condition.code}: {condition.message}", condition.hint) for condition in mine
        ]
        if self.judge is not None and not any(need in facts.unread for need in self.needs):
            found += self.judge(facts)
        return [Finding(self.name, what, seen, self.why, fix) for what, seen, fix in found]

    def unchecked(self, facts: Facts) -> str:
        """Why it could not be made, or not on every member; empty if it was."""
        found = [f"{need}: {facts.unread[need]}" for need in self.needs if need in facts.unread]
        if self.parts:
            found += filter(None, (self._silent(facts, member.name) for member in facts.now.members))
        return "; ".join(dict.fromkeys(found))

    def _silent(self, facts: Facts, member: str) -> str:
        if member not in facts.answers:
            return f"{member}: {facts.unread.get(member, 'it was not asked')}"
        parts = facts.answers[member].parts
        failed = parts.get("failed", {})
        return next((f"{member}: {failed.get(part, 'no answer')}" for part in self.parts if part not in parts), "")
