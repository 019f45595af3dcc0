"""What a server shows of a view or a program: as text, as the bytes that its author sent, and how they are read.

Shown in the character set of the results, bytes that are no characters of the author's change, and may take the next
one with them: `_binary'\\xe4'` of a session with gbk is shown as `_binary'?`. So whoever asks what a client or a server
will make of a definition reads the bytes, which are also what mysqldump writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mysqlops.mysql import connect, wire_text

_AT = {"event": 3, "view": 1}  # the column of the text; else the third


@dataclass(frozen=True)
class Definition:
    """`charset` and `collation` are those of the connection that wrote it."""

    text: str
    sent: bytes
    charset: str
    collation: str
    sql_mode: str  # empty for a view: the server writes it by its own rules, whatever the mode was
    time_zone: str  # of an event


def read(server: connect.Server, kind: str, what: str) -> Definition | None:
    """None if this account may not read it; `what` is quoted. Raises StatementFailed, also for a view that the server
    cannot parse itself: in gbk, sjis and their like it misreads some of its own."""
    statement = f"SHOW CREATE {kind} {what}"
    row = server.query(statement)[0]
    server.query("SET SESSION character_set_results = binary")
    try:
        raw = server.query(statement)[0]
    finally:
        server.query("SET SESSION character_set_results = utf8mb4")
    at = _AT.get(kind, 2)
    if row[at] is None or raw[at] is None:
        return None
    return Definition(
        text=str(row[at]),
        sent=_bytes(raw[at]),
        charset=str(row[at + 1]),
        collation=str(row[at + 2]),
        sql_mode="" if kind == "view" else str(row[1]),
        time_zone=str(row[2]) if kind == "event" else "",
    )


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else wire_text.encode(str(value))
