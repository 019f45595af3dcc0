"""A value that is known is found however a text writes it, and no letter of it stays beside the mark."""

from __future__ import annotations

import base64
import json
import re
import shlex
import textwrap
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from mysqlops.core import known_secrets, redaction

VALUES = (
    'correct horse\'s "battery"',
    "fTz0w9-Kq2+/=_",
    "p%41ss%2Fword&<x>",
    "größer 数据 \U0001f600 pass",
    "back\\slash\\new",
    "a-b_c/d+e f=g'h",
    "line one\nline two of it",
)


def _nested(times: int) -> Callable[[str], str]:
    def write(value: str) -> str:
        for _ in range(times):
            value = json.dumps({"a": value})
        return value

    return write


def _of_go(value: str) -> str:
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _encoded(before: str, write: Callable[[bytes], bytes] = base64.b64encode) -> Callable[[str], str]:
    return lambda value: write(f"{before}{value}:more".encode()).decode()


def _in_log(value: str) -> str:
    return "\n2026-11-24T12:00:00.123456789Z ".join(textwrap.wrap(value, 9, drop_whitespace=False))


WRITINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    **{f"JSON {times} deep": _nested(times) for times in (1, 2, 3, 5)},
    "JSON as Go writes it": _of_go,
    "JSON in UTF-8": lambda value: json.dumps(value, ensure_ascii=False),
    "repr": repr,
    "SQL": lambda value: "'" + value.replace("\\", "\\\\").replace("'", "''") + "'",
    "a shell's word": shlex.quote,
    "percent": lambda value: quote(value, safe=""),
    "percent in lower case": lambda value: "".join(
        f"%{byte:02x}" if not chr(byte).isalnum() or byte > 127 else chr(byte) for byte in value.encode()
    ),
    "a form": quote_plus,
    "percent twice": lambda value: quote(quote(value, safe=""), safe=""),
    "a URI": lambda value: f"mysql://root:{quote(value, safe='')}@db:3306/x",
    "hex": lambda value: value.encode().hex(),
    **{f"base64 after {before!r}": _encoded(before) for before in ("", "a", "ab", "user:")},
    "base64 of URLs": _encoded("u:", base64.urlsafe_b64encode),
    "base64 in lines": lambda value: textwrap.fill(_encoded("user:")(value * 5), 20),
    "base64 in JSON in JSON": lambda value: _nested(2)(_encoded("x:")(value)),
    "wrapped in a log": _in_log,
    "wrapped in a log in JSON": lambda value: json.dumps(_in_log(value)),
}


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("value", VALUES)
def test_a_known_value_is_found_in_any_writing(value: str, writing: str) -> None:
    written = WRITINGS[writing](value)
    found = known_secrets.without(f"before {written} after", redaction.values([_secret(value)]))
    assert found.startswith("before ")
    assert found.endswith("after")
    left = found.replace(known_secrets.MARK, "")
    assert [word for word in re.findall("[A-Za-z0-9]{3,}|[^\\x00-\\x7f]+", value) if word in left] == []
    assert len(left) < len(f"before {written} after") - len(value) // 2


def _secret(value: str, key: str = "password") -> dict[str, object]:
    return {"data": {key: base64.b64encode(value.encode()).decode()}}


def test_values_that_overlap_leave_nothing_of_each_other() -> None:
    assert known_secrets.without("x secret-12345 y", ["secret-1234", "t-12345", "1234567"]) == "x [redacted] y"


@pytest.mark.parametrize(
    ("value", "inner"),
    [
        ("mysql://app:sw0rdfish@db/x", "sw0rdfish"),
        ("[client]\npassword = 'sw0rdfish'\nhost=db", "sw0rdfish"),
        ("export AWS_SECRET_ACCESS_KEY=sw0rdfish", "sw0rdfish"),
        ('{"auths": {"r": {"auth": "' + base64.b64encode(b"me:sw0rdfish").decode() + '"}}}', "sw0rdfish"),
        ('{"private_key": "sw0rdfish", "project": "public-name"}', "sw0rdfish"),
    ],
)
def test_what_a_value_is_made_of_is_known_too(value: str, inner: str) -> None:
    known = redaction.values([_secret(value, "config")])
    assert inner not in known_secrets.without(f"it is {inner}.", known)
    assert "public-name" not in known


def test_other_texts_stay() -> None:
    plain = "mysql-0 ONLINE 100% of 2 Gi, \\u00e9 at 2026-11-24T12:00:00Z 'quoted' größer\n\ttab"
    assert known_secrets.without(plain, VALUES) == plain


@pytest.mark.parametrize(
    "part", ["\\", "%25", "\\u0041", "\\u", "%", "a-", "'", "é", "fTz0w9", "0", "2026-01-01T00:00:00Z ", "\\n"]
)
def test_the_time_does_not_grow_with_the_square_of_a_text(part: str) -> None:
    """If it did, this would take many minutes."""
    long = part * (100_000 // len(part))
    assert len(known_secrets.without(long, VALUES)) <= len(long)


@pytest.mark.parametrize("part", ["pass", "://a:", "a", "key=", "token:\n", '{"key":', "["])
def test_the_time_to_take_a_value_apart_does_not_grow_with_its_square(part: str) -> None:
    """If it did, this would take many minutes."""
    assert [*known_secrets.within(part * (60_000 // len(part)))]
