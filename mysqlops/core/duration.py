"""Durations as users write them: 90, 90s, 10m, 1h30m, 7d or 500ms."""

from __future__ import annotations

import re

from mysqlops.errors import ConfigError

_DURATION = re.compile(
    r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m(?!s))?(?:([0-9]{1,12})(?:s|$))?(?:([0-9]{1,12})ms)?"
)
_UNITS = (86400, 3600, 60, 1, 0.001)


def parse(text: str) -> float:
    """Seconds; raises ConfigError."""
    match = _DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise ConfigError(f"{text!r} is not a duration such as 90s, 10m, 1h30m or 7d")
    return float(sum(int(part or 0) * unit for part, unit in zip(match.groups(), _UNITS, strict=True)))


def text_of(seconds: float) -> str:
    """The shortest text that `parse` reads as these seconds, to the millisecond."""
    rest, parts = round(seconds * 1000), []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
