"""Durations, rates and lists, in the notation of Kubernetes and restic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mysqlops import errors
from mysqlops.core import duration, pod_patch, quantity, yaml_nodes

if TYPE_CHECKING:
    SecondsType = click.ParamType[float]
    WholeType = click.ParamType[int]
    NamesType = click.ParamType[tuple[str, ...]]
else:
    SecondsType = WholeType = NamesType = click.ParamType  # takes a type only since click 8.4


class Duration(SecondsType):
    """Seconds, parsed from 90, 90s, 10m, 1h30m, 7d or 500ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        try:
            return duration.parse(value)
        except errors.ConfigError as error:
            self.fail(str(error), param, ctx)


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
        if isinstance(value, int):
            return value
        try:
            return quantity.parse_mib(value)
        except errors.ConfigError as error:
            self.fail(str(error), param, ctx)


class PodPatch(click.Path):
    """A file with a patch for every pod, as `pod:` of a cluster file; read as its text, empty for an empty file."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            text = Path(value).read_text(encoding="utf-8")
            documents = yaml_nodes.documents(text, str(value))
            if len(documents) > 1:
                self.fail(f"{value}: expected one document", param, ctx)
        except (OSError, UnicodeDecodeError, errors.ConfigError) as error:
            self.fail(f"{value}: {getattr(error, 'strerror', None) or error}", param, ctx)
        try:
            return pod_patch.of_node(documents[0]) if documents else ""
        except errors.ConfigError as error:
            self.fail(f"{value} line {pod_patch.place(documents[0], error).line}: {error}", param, ctx)


class NameList(NamesType):
    """Names separated by commas; an empty text means none."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(sorted({name for name in value.split(",") if name}))
