"""Finds values that must not be seen, however a text writes them. Pure.

A value may be quoted, escaped within JSON to any depth, percent-encoded, wrapped over the lines of a log, in hex, or in
base64 together with others. Value and text are therefore both reduced to what no such writing changes, and compared;
what is taken out is the part of the text that was written. The reduction forgets some signs (`-`, `+`, spaces), so it
may find too much, and never too little.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from mysqlops.core import typed

MARK = "[redacted]"
SHORTEST = 6  # a shorter value would be found in every word
_SURE = 8  # of the characters that are left of a value in base64
# No alternative can begin within a match of another, so that a text of any form takes time in proportion to its length.
_WRITTEN = re.compile(
    r"(?P<units>(?:\\+u[0-9a-fA-F]{4})+)"
    r"|\\+x(?P<byte>[0-9a-fA-F]{2})"
    r"|%(?:25)*(?P<percent>[0-9a-fA-F]{2})"
    r"|(?P<other>[^\x00-\x7f]+)"
    r"|(?P<gap>\\+[nrtbf]|(?:(?<![^\n])|(?<=\\n))\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z |\\+|[\s\0'\"+\-_/=]+)"
)
_FORGOTTEN = dict.fromkeys(map(ord, "\0 \t\r\n\v\f\x1c\x1d\x1e\x1f\\'\"+-_/="))
_HALVES = re.compile("[\ufffd\ud800-\udfff]")  # what is no whole text, and what readers put in its place
_BASE64 = re.compile(r"[\w+/=-]{0,3}", re.ASCII)
_BASE64_BEFORE = re.compile(r"[\w+/-]{0,3}\Z", re.ASCII)


class _Reduced(NamedTuple):
    """`text` without what a writing adds. Piece n stands at `at[n]` of it, and at `first[n]` to `last[n]` of the
    original; the characters of a piece of the same length stand for one character each."""

    text: str
    at: list[int]
    first: list[int]
    last: list[int]

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """The part of the original that the characters begin to end were written as."""
        return self._place(begin)[0], self._place(end - 1)[1]

    def _place(self, number: int) -> tuple[int, int]:
        piece = bisect_right(self.at, number) - 1
        length = (self.at[piece + 1] if piece + 1 < len(self.at) else len(self.text)) - self.at[piece]
        if length != self.last[piece] - self.first[piece]:
            return self.first[piece], self.last[piece]
        return self.first[piece] + number - self.at[piece], self.first[piece] + number - self.at[piece] + 1


def _reduced(text: str) -> _Reduced:
    parts, at, first, last, length, done = list[str](), list[int](), list[int](), list[int](), 0, 0
    for found in _WRITTEN.finditer(text):
        begin, end = found.span()
        for part, where, until in ((text[done:begin], done, begin), (_meant(found), begin, end)):
            if part:
                parts.append(part)
                at.append(length)
                first.append(where)
                last.append(until)
                length += len(part)
        done = end
    rest = text[done:]
    if rest:
        parts.append(rest)
        at.append(length)
        first.append(done)
        last.append(len(text))
    return _Reduced("".join(parts), at, first, last)


def _meant(found: re.Match[str]) -> str:
    """What was written, as one character for each byte of UTF-8, without forgotten signs."""
    kind, written = found.lastgroup, found[0]
    if kind == "units":
        units = [int(escape[-4:], 16) for escape in re.findall(r"u[0-9a-fA-F]{4}", written)]
        text = b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", errors="replace")
    elif kind == "other":
        text = written
    elif kind in ("byte", "percent"):
        return chr(int(found[kind], 16)).translate(_FORGOTTEN)
    else:
        return ""
    return _HALVES.sub("", text).encode().decode("latin-1").translate(_FORGOTTEN)


class _Needle(NamedTuple):
    text: str
    is_base64: bool = False


@lru_cache(maxsize=8)
def _needles(known: frozenset[str]) -> tuple[tuple[str, ...], tuple[_Needle, ...]]:
    """What is looked for in a text as it is, and in a reduced one."""
    exact, needles = set[str](), set[_Needle]()
    for value in known:
        if len(value) < SHORTEST:
            continue
        exact.add(value)
        data = value.encode(errors="replace")
        # Percent-encoded, a backslash is not the beginning of an escape.
        plain = [value, quote(data, safe=""), data.hex(), data.hex().upper()]
        needles |= {_Needle(text) for value in plain if len(text := _reduced(value).text) >= SHORTEST}
        needles |= {_Needle(text, True) for text in _in_base64(data) if len(text) >= _SURE}
    return tuple(sorted(exact, key=len, reverse=True)), tuple(needles)


def _in_base64(data: bytes) -> Iterator[str]:
    """The characters that the bytes alone decide, wherever they begin among those that are encoded."""
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * before + data).decode()
        sure = encoded.rstrip("=")
        yield _reduced(sure[unsure : -1 if sure != encoded else None]).text


def spans(text: str, known: Collection[str]) -> list[tuple[int, int]]:
    """Where one of the values stands, in any writing; in order, and apart from each other."""
    exact, needles = _needles(frozenset(known))
    if not exact:
        return []
    found = [(at, at + len(needle)) for needle in exact for at in _places(text, needle)]
    reduced = _reduced(text)
    for needle in needles:
        for at in _places(reduced.text, needle.text):
            begin, end = reduced.span(at, at + len(needle.text))
            if needle.is_base64:  # the characters beside it hold bits of the value too
                near = _BASE64_BEFORE.search(text, max(0, begin - 3), begin)
                after = _BASE64.match(text, end)
                begin, end = near.start() if near else begin, after.end() if after else end
            found.append((begin, end))
    return _merged(found)


def _places(text: str, one: str) -> Iterator[int]:
    at = text.find(one)
    while at >= 0:
        yield at
        at = text.find(one, at + 1)


def _merged(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    made = list[tuple[int, int]]()
    for begin, end in sorted(found):
        if made and begin <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((begin, end))
    return made


def without(text: str, known: Collection[str]) -> str:
    """The text with a mark in place of each value."""
    parts, done = list[str](), 0
    for begin, end in spans(text, known):
        parts += [text[done:begin], MARK]
        done = end
    return "".join([*parts, text[done:]])


_IN_URI = re.compile(r"://[^/@\s:]{0,256}:([^@\s]{1,1024})@")
_IN_FILE = re.compile(
    r"^\s*(?:export\s+)?[\w.-]*?(?:pass|pwd|secret|token|key)[\w.-]*\s*[=:]\s*[\"']?(.+?)[\"']?\s*$", re.I
)
_LONGEST, _LONGEST_LINE = 1 << 16, 1 << 12  # characters of what is read for passwords within


def within(value: str) -> Iterator[str]:
    """The value, and what it is made of: its lines, the passwords in a URI, a settings file or JSON."""
    value = value.strip()
    yield value
    for line in value.splitlines():
        if not line.startswith("-----"):
            yield line.strip()
        if len(line) < _LONGEST_LINE and (found := _IN_FILE.match(line)):
            yield found[1]
    if len(value) < _LONGEST:
        yield from _IN_URI.findall(value)
        yield from _leaves(typed.json_of(value) if value[:1] in ("{", "[") else None)


_IS_SECRET = re.compile(r"auth|pass|pwd|secret|token|key", re.I)
_DEEPEST = 20


def _leaves(found: object, depth: int = 0) -> Iterator[str]:
    """The texts of JSON whose keys say that they are secret, also as base64 of `user:password` (docker's `auth`)."""
    if depth > _DEEPEST:
        return
    if isinstance(found, list):
        for item in found:
            yield from _leaves(item, depth + 1)
    if isinstance(found, dict):
        for key, value in found.items():
            if isinstance(value, str) and _IS_SECRET.search(str(key)):
                yield value
                yield _decoded(value).partition(":")[2]
            else:
                yield from _leaves(value, depth + 1)


def _decoded(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return ""
