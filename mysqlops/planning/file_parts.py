"""The parts of a cluster file that a cluster has or has not, such as a schedule: where they differ from those that run.
Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops.core import duration, file_fields
from mysqlops.objects import cluster_file, exposed, schedule
from mysqlops.objects.cluster_file import Receiver

Part = schedule.Request | Receiver | exposed.Request | None
_MOST_SHOWN = 160
_UNFINISHED = "unfinished, or changed by somebody else"


@dataclass(frozen=True)
class Difference:
    """A field of the file that the cluster has with another value; None is not set."""

    path: str
    running: Any
    wanted: Any

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.running)} -> {_shown(self.wanted)}"


def differences(section: str, running: Part, goal: Part) -> Iterator[Difference]:
    """Where one part of a file and what runs differ: as a whole if only one of them exists."""
    before, after = _facts(running), _facts(goal)
    if not after or not before:
        if before != after:
            yield Difference(section, _brief(running), _brief(goal))
        return
    for key, value in after.items():
        if value != before[key]:
            yield Difference(f"{section}.{key}", before[key], value)


@dataclass(frozen=True)
class Outside:
    """The Services for clients from outside: those that exist or are recorded, None for one that is unfinished or was
    changed by somebody else; and those of the file, None if it does not say."""

    running: Mapping[str, exposed.Request | None]
    goal: Sequence[exposed.Request] | None

    def differences(self) -> Iterator[Difference]:
        wanted = self._wanted()
        for name in sorted({*self.running, *wanted}) if self.goal is not None else ():
            section, request = f"{file_fields.EXPOSE}.{name}", wanted.get(name)
            if self.running.get(name, request) is None:
                yield Difference(section, _UNFINISHED, _brief(request))
            else:
                yield from differences(section, self.running.get(name), request)

    def to_open(self) -> list[exposed.Request]:
        """Those to be created, or changed."""
        changed = {one.path.split(".")[2] for one in self.differences()}
        return [request for name, request in self._wanted().items() if name in changed]

    def to_close(self) -> list[str]:
        return sorted(self.running.keys() - self._wanted().keys()) if self.goal is not None else []

    def _wanted(self) -> dict[str, exposed.Request]:
        return {request.service: request for request in self.goal or ()}


def _facts(part: Part) -> dict[str, Any]:
    """By the file's names."""
    if part is None:
        return {}
    if isinstance(part, exposed.Request):
        return cluster_file.exposed_facts(part)
    if isinstance(part, Receiver):
        return {"target": part.target, "every": duration.text_of(part.every)}
    ages = {"maxAge": _age(part.max_age), "verifyMaxAge": _age(part.verify_max_age)}
    keep = {f"keep.{key}": value for key, value in vars(part.keep).items()}
    when = {"cron": part.cron, "verifyCron": part.verify_cron}
    return {"target": part.target, **when, "member": part.member, "rate": f"{part.rate_mib}Mi", **ages, **keep}


def _age(seconds: float) -> str:
    return duration.text_of(seconds) if seconds else "two periods"


def _brief(part: Part) -> str | None:
    if isinstance(part, exposed.Request):
        return f"{part.type} to the {part.role} for {', '.join(sorted(part.ranges))}"
    return f"to {part.target}" if part is not None else None


def _shown(value: Any) -> str:
    if value is None or value in ((), ""):
        return "none"
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."
