"""Each form reads a value as its type, or says which field does not fit, in a short plain line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from mysqlops.core import form


@dataclass(frozen=True)
class _Result:
    count: int
    users: list[str] = field(default_factory=list)
    note: str = ""


_RESULT = form.record(_Result, users=form.list_of(form.text))


def test_what_fits_is_read_as_its_type() -> None:
    assert _RESULT("", {"count": 3, "users": ["a"], "later": [{}]}) == _Result(3, ["a"])
    assert form.number("", 3) == 3.0
    assert form.map_of(form.flag)("", {"a": True}) == {"a": True}
    assert form.gtids("", "11111111-1111-1111-1111-111111111111:1-5,\n22222222-1111-1111-1111-111111111111:1")
    assert form.optional(form.whole)("", None) is None
    assert form.one_of("a", "b")("", "b") == "b"
    form.ignored("", [[[]]])


@pytest.mark.parametrize(
    ("read", "value", "said"),
    [
        (_RESULT, [], "the answer: expected an object, found a list"),
        (_RESULT, {}, "count is missing"),
        (_RESULT, {"count": True}, "count: expected int, found bool"),
        (_RESULT, {"count": 2**63}, "count: expected int, found 9223372036854775808"),
        (_RESULT, {"count": 1, "users": None}, "users: expected a list, found null"),
        (_RESULT, {"count": 1, "users": ["a", {}]}, "users[1]: expected a text, found an object"),
        (form.map_of(_RESULT), {"a": {"count": 1, "users": 5}}, "a.users: expected a list, found the number 5"),
        (form.map_of(form.text), {"\x1b[2J": ""}, "the answer: control characters in '\\\\x1b[2J'"),
        (form.map_of(form.flag), {"a" * 200: 1}, f"{'a' * 60}…: expected a boolean, found the number 1"),
        (form.number, float("nan"), "the answer: expected a number, found a number out of range"),
        (form.number, 10**400, "the answer: expected a number, found a number out of range"),
        (form.whole, -1, "the answer: expected a whole number, found the number -1"),
        (form.whole, 0.5, "the answer: expected a whole number, found the number 0.5"),
        (
            form.text,
            "x" * (form.LONGEST + 1),
            f"the answer: expected at most {form.LONGEST} characters, found {form.LONGEST + 1}",
        ),
        (
            form.list_of(form.ignored),
            [0] * (form.MOST + 1),
            f"the answer: expected at most {form.MOST} entries, found {form.MOST + 1}",
        ),
        (form.gtids, "x\n", "the answer: expected a GTID set, found 'x\\\\n'"),
        (form.one_of("a", "b"), "c" * 999, f"the answer: expected a or b, found '{'c' * 60}…'"),
        (form.one_of("a", "b"), [], "the answer: expected a or b, found a list"),
    ],
    ids=lambda one: one[:40] if isinstance(one, str) else None,
)
def test_what_does_not_fit_is_named(read: form.Form[Any], value: Any, said: str) -> None:
    with pytest.raises(form.Misfit) as misfit:
        read("", value)
    assert str(misfit.value) == said
