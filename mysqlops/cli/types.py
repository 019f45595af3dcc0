"""Durations, rates and lists, in the notation of Kubernetes and restic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from mysqlops import errors
from mysqlops.core import quantity

if TYPE_CHECKING:
    SecondsType = click.ParamType[float]
    WholeType = click.ParamType[int]
    NamesType = click.ParamType[tuple[str, ...]]
else:
    SecondsType = WholeType = NamesType = click.ParamType  # takes a type only since click 8.4

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)(?:s|$))?(?:(\d+)ms)?")
_UNITS = (86400, 3600, 60, 1, 0.001)


class Duration(SecondsType):
    """Seconds, parsed from 90, 90s, 10m, 1h30m, 7d or 500ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        match = _DURATION.fullmatch(value)
        if not match or not any(match.groups()):
            self.fail(f"{value!r} is not a duration such as 90s, 10m, 1h30m or 7d", param, ctx)
        return float(sum(int(part or 0) * unit for part, unit in zip(match.groups(), _UNITS, strict=True)))


class WholeSeconds(WholeType):
    """A duration in whole seconds, within limits."""

    name = "duration"

    def __init__(self, smallest: int, largest: int) -> None:
        self._smallest, self._largest = smallest, largest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = Duration().convert(value, param, ctx)
        if found != int(found) or not self._smallest <= found <= self._largest:
            self.fail(f"{value}: expected {self._smallest}s to {self._largest}s", param, ctx)
        return int(found)


class Rate(WholeType):
    """MiB per second, parsed from 50, 50Mi or 1Gi."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int) or value.isdecimal():
            return int(value)
        try:
            found = quantity.parse_bytes(value)
        except errors.ConfigError as error:
            self.fail(str(error), param, ctx)
        if found < 2**20:
            self.fail(f"{value}: expected at least 1Mi", param, ctx)
        return found // 2**20


class NameList(NamesType):
    """Names separated by commas; an empty text means none."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(sorted({name for name in value.split(",") if name}))
