"""A server's answer, read as untrusted input: it comes from a pod. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mysqlops.core import activity, gtid, names

_MOST = 5000  # entries of one part
_LARGEST = 2**63


def read(answer: Any) -> dict[str, Any]:
    """The parts that have the right form; `failed` says why the others do not count."""
    if not isinstance(answer, Mapping):
        return {"failed": {}}
    failed = answer.get("failed", {})
    found: dict[str, Any] = {"failed": dict(failed) if _texts(failed) else {}}
    for part, fits in _FORMS.items():
        if part in answer and fits(answer[part]):
            found[part] = answer[part]
        elif part in answer:
            found["failed"][part] = "the answer has another form than this release expects"
    return found


def _texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)


def _rows(*kinds: type) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return isinstance(value, list) and len(value) <= _MOST and all(_row(row, kinds) for row in value)

    return fits


def _row(value: Any, kinds: tuple[type, ...]) -> bool:
    return (
        isinstance(value, list)
        and len(value) == len(kinds)
        and all(isinstance(one, kind) and _is_in_range(one) for one, kind in zip(value, kinds, strict=True))
    )


def _is_in_range(value: Any) -> bool:
    """JSON has whole numbers of any length, with which nothing can be calculated."""
    return not isinstance(value, int) or abs(value) < _LARGEST


def _moment(value: Any) -> bool:
    return isinstance(value, str) and names.is_moment(value)


def _gtids(value: Any) -> bool:
    return _texts(value) and all(gtid.is_set(value.get(name, "")) for name in ("executed", "purged"))


def _numbers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(number, int) and _is_in_range(number) for number in value.values()
    )


def _transactions(value: Any) -> bool:
    return activity.transactions(value) is not None


_FORMS: Mapping[str, Callable[[Any], bool]] = {
    "moment": _moment,
    "variables": _texts,
    "gtids": _gtids,
    "group": _rows(str, str, str, str, str),
    "queues": _rows(str, int, int, int),
    "connections": _numbers,
    "tables": _rows(str, str, str),
    "transactions": _transactions,
    "errors": _rows(str, str, int, int),
    "flushes": _rows(str, int, int),
    "limits": _rows(str, int, int),
    "reach": _rows(str, str, str),
    "growth": _numbers,
    "binlogs": _numbers,
    "my-cnf": lambda value: isinstance(value, str),
}
