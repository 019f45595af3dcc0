"""Definitions in the character set that they were written in.

A literal with an introducer, such as `_latin1'…'`, holds bytes and not characters. The server shows the text in the
character set of the results, in which those bytes are others: the same text would define another value. So a definition
is sent as the bytes that its author sent, which are what its character set makes of the shown text.
"""

from __future__ import annotations

import re

from mysqlops import errors
from mysqlops.mysql import comparison, connect, definitions, wire_text

_UTF8 = ("utf8", "utf8mb3", "utf8mb4")


def run(target: connect.Server, text: str, charset: str, *, mode: str = "", collation: str) -> None:
    """Run a definition as a client of that character set; `comparison.fix_session` must have been called, and is needed
    again. Raises StepFailed for a text that is not one of that character set, and MysqlError."""
    sent = None if text.isascii() else _as_sent(target, text, charset)
    target.query("SET SESSION collation_connection = %s, sql_mode = %s", [collation, mode])
    target.query("SET SESSION character_set_client = %s", [charset])
    if sent is None:
        target.query(text)
    else:
        target.execute_bytes(sent)


def must_be_exact(target: connect.Server, found: definitions.Definition, what: str) -> None:
    """Raises StepFailed, MysqlError, unless `run` would send the text as the very bytes that its author sent."""
    if found.text.isascii() and found.sent == found.text.encode():
        return
    if _as_sent(target, found.text, found.charset) != found.sent:
        raise errors.StepFailed(f"{what}: its text holds bytes that are no characters of {found.charset}")


def _as_sent(target: connect.Server, text: str, charset: str) -> bytes:
    if charset in _UTF8:
        return wire_text.encode(text)
    if not re.fullmatch(r"\w+", charset, re.ASCII):
        raise errors.StepFailed(f"no character set has the name {charset!r}")
    convert = f"CONVERT(%s USING {charset})"
    query = f"SELECT CAST({convert} AS BINARY), CONVERT({convert} USING utf8mb4)"
    sent, shown = target.query(query, [text, text])[0]
    if shown != text:
        raise errors.StepFailed(f"a definition that was written in {charset} holds characters of another set")
    return bytes(sent)


def fixed(target: connect.Server, database: str) -> None:
    """The session as `run` expects it, in that database."""
    comparison.fix_session(target)
    target.query(f"USE {comparison.quoted(database)}")
