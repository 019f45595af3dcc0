"""Checks untrusted values field by field: type, range, printable text. Anybody may have written annotations, entries of
a repository and its manifests; a value that fails here is not used."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

Json = dict[str, Any]  # an object of Kubernetes, or of a program's output, as it was read
_KINDS: Mapping[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
_LARGEST = 2**63
_SHOWN = 100  # characters of a value that does not fit
# Control characters, those that change the direction of text or are invisible, and other line separators.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def json_of(text: str | bytes | None) -> Any:
    """The value that the text holds as JSON; None if it holds none. Brackets can be nested deeper than the parser goes,
    and numbers longer than it reads. Half a character, which JSON can hold and no output takes, is replaced, as is NUL:
    an order is obeyed whatever its reason is."""
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        if not text:
            return None
        found = json.loads(text)
        return _whole(found) if _MAY_BE_BROKEN.search(text) else found
    except (ValueError, RecursionError):
        return None


def object_of(text: str | bytes | None) -> dict[str, Any]:
    """The object that the text holds as JSON; empty if it holds none."""
    found = json_of(text)
    return found if isinstance(found, dict) else {}


_BROKEN = re.compile("[\x00\ud800-\udfff]")
_MAY_BE_BROKEN = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|[\ud800-\udfff]")


def _whole(found: Any) -> Any:
    if isinstance(found, str):
        return _BROKEN.sub("\ufffd", found)
    if isinstance(found, list):
        return [_whole(item) for item in found]
    if isinstance(found, dict):
        return {_whole(key): _whole(value) for key, value in found.items()}
    return found


def is_plain(text: str) -> bool:
    """True of a single line without characters that a terminal interprets or hides."""
    return not any(unicodedata.category(character) in _HIDDEN for character in text)


_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z:._+-]*")


def is_word(text: str) -> bool:
    """True of a name, a backup's id or a point that no shell reads as more than one plain word: it may stand unquoted
    in a command that a user copies. Any other text of others goes through shlex.quote there."""
    return _WORD.fullmatch(text) is not None


def visible(text: str, *, kept: str = "") -> str:
    """The text with characters that a terminal would interpret or hide escaped; `kept` characters stay."""
    return _UNUSUAL.sub(lambda found: _written(found[0], kept), text)


def one_line(text: str) -> str:
    """The text with ` / ` for each end of a line and the spaces around it. A search for spaces before an end would take
    the square of their number."""
    first, *more = text.split("\n")
    return " / ".join([first.rstrip() if more else first, *filter(None, map(str.strip, more))])


_UNUSUAL = re.compile(r"[^\x20-\x7e]")


def _written(one: str, kept: str) -> str:
    is_shown = one in kept or unicodedata.category(one) not in _HIDDEN
    return one if is_shown else one.encode("unicode_escape").decode()


def trouble(kind: type[DataclassInstance], given: Mapping[str, Any], *, plain: bool = True) -> str:
    """Which field does not fit the dataclass, and why; empty if all do. The caller checks fields that hold more than a
    text, a number or a boolean; numbers are not negative."""
    for name, wanted, allowed, is_required in _rules(kind):
        if name not in given:
            if is_required:
                return f"{name} is missing"
        elif allowed and (why := _unfit(given[name], allowed, plain=plain)):
            return f"{name}: expected {wanted}, found {why}"
    return ""


@cache
def _rules(kind: type[DataclassInstance]) -> tuple[tuple[str, str, tuple[type, ...], bool], ...]:
    """Returns, for each field, its name, its type as written and as checked, and whether it is required."""
    return tuple(
        (
            field.name,
            str(field.type),
            _KINDS.get(str(field.type), ()),
            field.default is MISSING and field.default_factory is MISSING,
        )
        for field in fields(kind)
    )


def _unfit(value: Any, allowed: tuple[type, ...], *, plain: bool) -> str:
    if not isinstance(value, allowed) or isinstance(value, bool) != (bool in allowed):
        return type(value).__name__
    if isinstance(value, str):
        return "" if not plain or is_plain(value) else f"control characters in {visible(value[:_SHOWN])!r}"
    is_in_range = not isinstance(value, int | float) or 0 <= value < _LARGEST
    return "" if is_in_range else str(value)[:_SHOWN]


def make(kind: type[T], given: Any, *, plain: bool = True) -> T | None:
    """The dataclass, without unknown fields; None if the value does not fit it."""
    if not isinstance(given, Mapping) or trouble(kind, given, plain=plain):
        return None
    return kind(**{key: value for key, value in given.items() if key in kind.__dataclass_fields__})
