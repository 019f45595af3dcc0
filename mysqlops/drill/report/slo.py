"""The limits of a drill, as users give them: `rto=10s,lost=0`. Every round must keep them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mysqlops.drill.model import Round
from mysqlops.errors import ConfigError

_SECONDS = {
    "rto": ("gap", "the longest time that a client could not write"),
    "rto-by-name": ("gap_by_name", "the longest time that a client with the members' names could not write"),
    "detection": ("detection", "the time until the group was smaller"),
    "redundancy": ("redundancy", "the time until all members were back"),
    "minority": ("minority_last", "the last write that a cut-off primary acknowledged"),
}
_COUNTS = {
    "lost": "acknowledged writes that are missing on a member",
    "ghosts": "rows that nobody wrote, or that were refused",
    "diverged": "rows that not all members have",
    "duplicates": "rows of one write",
    "unknown": "writes whose outcome the client never learnt",
    "errors": "errors of a client that retries once",
    "stale": "reads through the primary that missed an acknowledged write",
    "backwards": "reads through the primary that showed less than one before",
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
DEFAULT: Mapping[str, float] = {"lost": 0.0, "ghosts": 0.0, "diverged": 0.0, "duplicates": 0.0}


def parse(text: str) -> dict[str, float]:
    """The limits by name, seconds or counts; the limits of zero loss are always included. Raises ConfigError."""
    found = dict(DEFAULT)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or name not in _SECONDS | _COUNTS:
            known = ", ".join([*(f"{second}=SECONDS" for second in _SECONDS), *(f"{count}=COUNT" for count in _COUNTS)])
            raise ConfigError(f"--slo {part!r}: expected one of {known}", hint="such as --slo rto=10s,lost=0")
        found[name] = _seconds(part, value) if name in _SECONDS else _count(part, value)
    return found


def _seconds(part: str, value: str) -> float:
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ConfigError(f"--slo {part!r}: expected a time such as 500ms, 10s or 2m", hint="--slo rto=10s,lost=0")
    return float(match[1]) * _UNITS[match[2]]


def _count(part: str, value: str) -> float:
    if not value.isdecimal():
        raise ConfigError(f"--slo {part!r}: expected a whole number", hint="--slo rto=10s,lost=0")
    return float(value)


def missed(limits: Mapping[str, float], rounds: Sequence[Round]) -> tuple[str, ...]:
    """A sentence for each limit that a round exceeded. A figure that a round does not have, such as a detection where
    no member was lost, keeps every limit."""
    found = []
    for name, limit in limits.items():
        values = [(value_of(name, round_), round_.number) for round_ in rounds]
        over = [(value, number) for value, number in values if value is not None and value > limit]
        if over:
            worst, number = max(over)
            text = f"{name}: {_show(name, worst)} in round {number}, {_show(name, limit)} allowed"
            found.append(f"{text} ({describe(name)}); {len(over)} of {len(rounds)} rounds")
    return tuple(found)


def value_of(name: str, one: Round) -> float | None:
    """The figure that the limit of that name applies to."""
    if name in _SECONDS:
        value = getattr(one, _SECONDS[name][0])
        return None if value is None else float(value)
    own = {"errors": one.errors_with_one_retry, "stale": one.stale_reads, "backwards": one.backwards}
    return float(own[name] if name in own else one.counts.get(name, 0))


def describe(name: str) -> str:
    return _SECONDS[name][1] if name in _SECONDS else _COUNTS[name]


def _show(name: str, value: float) -> str:
    return f"{value:.2f} s" if name in _SECONDS else f"{value:.0f}"
