"""Where a live object differs from the wanted one: only wanted fields count, quantities are compared as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mysqlops.core import quantity, setting_secrets
from mysqlops.errors import ConfigError

_QUANTITY_KEYS = {"cpu", "memory", "storage", "sizeLimit"}


@dataclass(frozen=True)
class Difference:
    """One field, as a path such as `spec.replicas`."""

    path: str
    wanted: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.path}: wanted {_brief(self.wanted)}, found {_brief(self.found)}"


def differences(wanted: Any, found: Any) -> list[Difference]:
    """Every wanted field that the live object lacks or has with another value."""
    return list(_compare(wanted, found, ""))


def _compare(wanted: Any, found: Any, path: str) -> Iterator[Difference]:
    if isinstance(wanted, dict):
        mapping = found if isinstance(found, dict) else {}
        for key, value in wanted.items():
            yield from _compare(value, mapping.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(wanted, list):
        yield from _compare_lists(wanted, found if isinstance(found, list) else [], path)
    elif not _is_same(wanted, found, path):
        yield Difference(path, wanted, found)


def _compare_lists(wanted: list[Any], found: list[Any], path: str) -> Iterator[Difference]:
    """Compares lists of named items by name, others by position; items that the server added are no difference."""
    if wanted and all(isinstance(item, dict) and "name" in item for item in wanted):
        by_name = {item.get("name"): item for item in found if isinstance(item, dict)}
        for item in wanted:
            yield from _compare(item, by_name.get(item["name"]), f"{path}[{item['name']}]")
        return
    if len(wanted) != len(found):
        yield Difference(path, wanted, found)
        return
    for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
        yield from _compare(one, other, f"{path}[{index}]")


def _is_same(wanted: Any, found: Any, path: str) -> bool:
    if wanted == found:
        return True
    if path.rsplit(".", 1)[-1] in _QUANTITY_KEYS and isinstance(wanted, str) and isinstance(found, str):
        try:
            return quantity.is_same(wanted, found)
        except ConfigError:
            return False
    return False


def _brief(value: Any) -> str:
    text = "nothing" if value is None else setting_secrets.without_values(str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."
