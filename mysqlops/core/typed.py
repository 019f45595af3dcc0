"""What others wrote, field by field: of its type, in its range, printable. Annotations, a repository's entries and its
manifests are values that anybody may have written; nothing is made of one that does not pass here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

_KINDS: Mapping[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
_LARGEST = 2**63
# Control characters, those that turn the direction of text or are not seen, and what ends a line elsewhere.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def is_plain(text: str) -> bool:
    """One line, nothing in it that a terminal obeys or hides."""
    return not any(unicodedata.category(character) in _HIDDEN for character in text)


def visible(text: str, *, kept: str = "") -> str:
    """What a terminal would obey or hide, written as Python writes it; `kept` characters stay."""
    return _UNUSUAL.sub(lambda found: _written(found[0], kept), text)


_UNUSUAL = re.compile(r"[^\x20-\x7e]")


def _written(one: str, kept: str) -> str:
    is_shown = one in kept or unicodedata.category(one) not in _HIDDEN
    return one if is_shown else one.encode("unicode_escape").decode()


def trouble(kind: type[DataclassInstance], told: Mapping[str, Any], *, plain: bool = True) -> str:
    """Which field does not fit the dataclass, and why; empty if all do. Fields that hold more than a text, a number or
    a truth value are the caller's to look at; numbers are not negative."""
    for field in fields(kind):
        if field.name not in told:
            if field.default is MISSING and field.default_factory is MISSING:
                return f"{field.name}: is missing"
        elif (allowed := _KINDS.get(str(field.type))) and (why := _unfit(told[field.name], allowed, plain=plain)):
            return f"{field.name}: expected {field.type}, found {why}"
    return ""


def _unfit(value: Any, allowed: tuple[type, ...], *, plain: bool) -> str:
    if not isinstance(value, allowed) or isinstance(value, bool) != (bool in allowed):
        return type(value).__name__
    if isinstance(value, str):
        return "" if not plain or is_plain(value) else f"control characters in {visible(value)!r}"
    is_in_range = not isinstance(value, int | float) or 0 <= value < _LARGEST
    return "" if is_in_range else str(value)


def make(kind: type[T], told: Any, *, plain: bool = True) -> T | None:
    """The dataclass, without what it does not know; None if that is not what was told."""
    if not isinstance(told, Mapping) or trouble(kind, told, plain=plain):
        return None
    return kind(**{key: value for key, value in told.items() if key in kind.__dataclass_fields__})
