"""What the mysql client prints: results as `--xml` writes them, and its last words. Pure.

Read with patterns, because the client copies control characters of rows, which no XML parser accepts; it escapes the
rest (xmlencode_print in client/mysql.cc). NULL and the text NULL stay apart."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from mysqlops import errors

_RESULT = re.compile(r"<resultset [^>]*>(.*?)</resultset>", re.DOTALL)
_ROW = re.compile(r"<row>(.*?)</row>", re.DOTALL)
_FIELD = re.compile(r'<field name="([^"]*)"(?: xsi:nil="true" />|>([^<]*)</field>)')
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&"))  # the last one last
_ERROR = re.compile(r"^ERROR (\d+) \(\w+\)(?: at line \d+)?: .*", re.MULTILINE)
_DENIED, _CONNECTING = {1044, 1045, 1698}, range(2000, 3000)


@dataclass(frozen=True)
class Result:
    """The rows of one statement; values are text, or None for NULL."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def results(xml: str) -> list[Result]:
    """One result for each statement that has any; an empty one has no columns either."""
    return [_result(_ROW.findall(inner)) for inner in _RESULT.findall(xml)]


def _result(rows: list[str]) -> Result:
    fields = [list(_FIELD.finditer(row)) for row in rows]
    columns = tuple(_plain(field[1]) for field in fields[0]) if fields else ()
    return Result(columns, tuple(tuple(None if f[2] is None else _plain(f[2]) for f in row) for row in fields))


def _plain(text: str) -> str:
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text


def failure(code: int, stderr: str) -> errors.MysqlError:
    """The error that the client ended with."""
    found = _ERROR.search(stderr)
    if found is None:
        return errors.MysqlError(f"the mysql client ended with status {code}: {stderr.strip()[-400:] or 'see above'}")
    errno, text = int(found[1]), found[0]
    if errno in _DENIED:
        return errors.AccessDenied(text, errno=errno)
    return (errors.ConnectFailed if errno in _CONNECTING else errors.StatementFailed)(text, errno=errno)
