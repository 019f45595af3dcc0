"""Forms of JSON that somebody else wrote: each reads one value as a type, or says which field does not fit. Pure.

A member's agent runs beside whatever got into its pod, so nothing of an answer reaches the rest of a command unread: a
type, a range, a length, and for each name whether it was expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mysqlops.core import gtid, typed
from mysqlops.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Made = TypeVar("Made", bound=DataclassInstance)

T = TypeVar("T")
Held_co = TypeVar("Held_co", covariant=True)

MOST = 200_000  # entries of a list or an object; a server has as many accounts
LONGEST = 4 << 20  # characters of a text, such as a GTID set; as mysql/bounded.py allows
_LARGEST = 2**63
_SHOWN = 60
_ANY = re.compile(".*", re.DOTALL)
_NAMES: Mapping[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}


class Misfit(ValueError):
    """A value has another form than was expected; the text names the field, and is a short plain line."""


class Form(Protocol[Held_co]):
    """Reads the value of that field; raises Misfit."""

    def __call__(self, field: str, value: Any, /) -> Held_co: ...


def short(text: str) -> str:
    """The beginning of somebody else's text, as it may be shown."""
    return typed.visible(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def ignored(field: str, value: Any) -> None:
    """For an answer that only has to arrive."""


def flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _misfit(field, "a boolean", value)
    return value


def whole(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LARGEST:
        raise _misfit(field, "a whole number", value)
    return value


def number(field: str, value: Any) -> float:
    """A number that can be calculated with: JSON as Python reads it has NaN, infinity and numbers of any length."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LARGEST:
        raise _misfit(field, "a number", value)
    return float(value)


def text_of(most: int) -> Form[str]:
    """Any text of so many characters; whoever prints it escapes it (cli/output.py)."""

    def read(field: str, value: Any) -> str:
        if not isinstance(value, str):
            raise _misfit(field, "a text", value)
        if len(value) > most:
            raise Misfit(f"{_of(field)}: expected at most {most} characters, found {len(value)}")
        return value

    return read


text = text_of(LONGEST)


def name(field: str, value: Any) -> str:
    """A text of one plain line, such as an account or a host."""
    found = text(field, value)
    if not typed.is_plain(found):
        raise Misfit(f"{_of(field)}: control characters in {short(found)!r}")
    return found


def gtid_set(field: str, value: Any) -> gtid.GtidSet:
    found = text(field, value)
    try:
        return gtid.GtidSet.parse(found)
    except ConfigError:
        raise Misfit(f"{_of(field)}: expected a GTID set, found {short(found)!r}") from None


def gtids(field: str, value: Any) -> str:
    """The same, as it is written."""
    gtid_set(field, value)
    return str(value)


def one_of(*choices: str) -> Form[str]:
    def read(field: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            found = repr(short(value)) if isinstance(value, str) else _kind(value)
            raise Misfit(f"{_of(field)}: expected {' or '.join(choices)}, found {found}")
        return value

    return read


def list_of(form: Form[T]) -> Form[list[T]]:
    def read(field: str, value: Any) -> list[T]:
        if not isinstance(value, list):
            raise _misfit(field, "a list", value)
        _limit(field, len(value))
        return [form(f"{field}[{index}]", item) for index, item in enumerate(value)]

    return read


def row(*forms: Form[Any]) -> Form[tuple[Any, ...]]:
    """A list of exactly these values."""

    def read(field: str, value: Any) -> tuple[Any, ...]:
        found = list_of(ignored)(field, value)
        if len(found) != len(forms):
            raise Misfit(f"{_of(field)}: expected {len(forms)} values, found {len(found)}")
        return tuple(form(f"{field}[{index}]", value[index]) for index, form in enumerate(forms))

    return read


def scalar(field: str, value: Any) -> str | float | None:
    """A value of a column: a text, a number or NULL."""
    if value is None:
        return None
    if isinstance(value, str):
        return text(field, value)
    return whole(field, value) if isinstance(value, int) else number(field, value)


def map_of(form: Form[T], names: re.Pattern[str] = _ANY) -> Form[dict[str, T]]:
    """An object whose names fit the pattern; without one, any names."""

    def read(field: str, value: Any) -> dict[str, T]:
        if not isinstance(value, dict):
            raise _misfit(field, "an object", value)
        _limit(field, len(value))
        for key in value:
            if not names.fullmatch(name(_of(field), key)):
                raise Misfit(f"{_of(field)}: no name such as {short(key)!r} is expected")
        return {key: form(_below(field, key), item) for key, item in value.items()}

    return read


def optional(form: Form[T]) -> Form[T | None]:
    def read(field: str, value: Any) -> T | None:
        return None if value is None else form(field, value)

    return read


def record(kind: type[Made], **forms: Form[Any]) -> Form[Made]:
    """An object with the dataclass's fields, each read by its form; those that have none are a text, a number or a
    boolean, and checked as core/typed.py does. Fields of a later release are left out."""

    def read(field: str, value: Any) -> Made:
        if not isinstance(value, dict):
            raise _misfit(field, "an object", value)
        if why := typed.trouble(kind, value, plain=False):
            raise Misfit(_below(field, why))
        known = {one.name: value[one.name] for one in fields(kind) if one.name in value}
        read_by_form = {key: form(_below(field, key), known[key]) for key, form in forms.items() if key in known}
        return kind(**(known | read_by_form))

    return read


def _limit(field: str, found: int) -> None:
    if found > MOST:
        raise Misfit(f"{_of(field)}: expected at most {MOST} entries, found {found}")


def _misfit(field: str, wanted: str, value: Any) -> Misfit:
    return Misfit(f"{_of(field)}: expected {wanted}, found {_kind(value)}")


def _kind(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _NAMES.get(type(value), "another value")
    return f"the number {value}" if abs(value) < _LARGEST else "a number out of range"


def _of(field: str) -> str:
    return field or "the answer"


def _below(field: str, key: str) -> str:
    return f"{field}.{short(key)}" if field else short(key)
