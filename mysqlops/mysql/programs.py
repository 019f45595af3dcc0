"""Routines, triggers, events and views whose text the mysql client would parse differently from the server.

A dump puts them between `DELIMITER ;;` lines. The client has its own idea of what is quoted or a comment: it reads line
by line, and does not know the text's character set, what `--` before a control character means, or that a hint goes on
in the next line. So a text must not contain, quoted or not, what ends a statement for the client: the rest would run as
statements of the account that loads the dump. And if the client ends up inside a quote or a comment, it misses the end.
A view ends with a single semicolon: it may hold one only where the client, too, sees a quote or a comment.
A backslash outside quotes is a command of the client: \\C, which no option disables, changes the character set that the
server reads the statement in, so that the server itself may find several statements in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.mysql import comparison, connect, definitions, program_heads

MISREAD = (
    "its text holds two semicolons in a row, or the word delimiter and a space, or ends in a comment, or has a quote, "
    "a comment or a backslash that the mysql client reads differently, or its head is not read as that of this object"
)
_SYSTEM = "('mysql', 'sys', 'information_schema', 'performance_schema')"
_ALL = f"""\
SELECT LOWER(routine_type), routine_schema, routine_name FROM information_schema.routines
WHERE routine_schema NOT IN {_SYSTEM}
UNION ALL SELECT 'trigger', trigger_schema, trigger_name FROM information_schema.triggers
WHERE trigger_schema NOT IN {_SYSTEM}
UNION ALL SELECT 'event', event_schema, event_name FROM information_schema.events WHERE event_schema NOT IN {_SYSTEM}
UNION ALL SELECT 'view', table_schema, table_name FROM information_schema.views WHERE table_schema NOT IN {_SYSTEM}
ORDER BY 1, 2, 3
"""  # noqa: S608
_WRITTEN = {
    "trigger": "/*!50003 {} */",
    "event": "/*!50106 {} */ ",
    "view": "/*!50001 {} */",
}  # by mysqldump; a routine with a space after it
# A line may change the delimiter in its middle, and then the statement ends there. In a character set whose second
# bytes may be letters, the client finds the D in another character.
# After a comment the client adds a space, in the middle of a word if that begins with bytes beyond ASCII.
_SPLIT = re.compile(r";;|elimiter |\*/[^\0-\x7f]", re.IGNORECASE)
_SIGN = re.compile(r"\\.?|--(?=[ \t\v\f\r\0]|$)|#|/\*[!+]?|\*/|['\"`;]", re.DOTALL)


@dataclass(frozen=True)
class _Program:
    """A definition as the server shows it."""

    kind: str
    what: str  # its name, quoted
    definition: definitions.Definition | None  # None: not readable, or not the definition of this object

    def __str__(self) -> str:
        return f"{self.kind} {self.what}"


def splitting(server: connect.Server, database: str = "") -> list[str]:
    """The kind and name of each, in all databases or in one; a program whose text is not readable counts too."""
    return [
        str(one)
        for one in _read(server, database)
        if one.definition is None or is_misread(one.kind, one.definition.sent, one.definition.sql_mode)
    ]


def unreadable(server: connect.Server, database: str) -> list[str]:
    """The kind and name of each whose text cannot be read, or is not that of this object: what no connection, either,
    could create elsewhere."""
    return [str(one) for one in _read(server, database) if one.definition is None]


def _read(server: connect.Server, database: str) -> Iterator[_Program]:
    for kind, schema, name in ((str(kind), str(schema), str(name)) for kind, schema, name in server.query(_ALL)):
        if database in ("", schema):
            what = comparison.quoted(schema, name)
            found = _shown(server, kind, what)
            is_own = found is not None and program_heads.creates(kind, schema, name, found.text)
            yield _Program(kind, what, found if is_own else None)


def _shown(server: connect.Server, kind: str, what: str) -> definitions.Definition | None:
    try:
        return definitions.read(server, kind, what)
    except errors.StatementFailed:
        if kind != "view":
            raise
        return None


def is_misread(kind: str, sent: bytes, sql_mode: str = "") -> bool:
    """Whether a dump of that program may be read by the client as something else. The client sees no characters but
    those of UTF-8, of whose bytes none is a sign."""
    text = sent.decode("latin-1")
    written = _WRITTEN.get(kind, "{} ").format(text)
    client = _Client(escapes="NO_BACKSLASH_ESCAPES" not in sql_mode)
    if kind == "view":
        return client.misreads(written) or client.sees_an_end
    return bool(_SPLIT.search(text)) or client.misreads(written)


class _Client:
    """The client's reader (add_line in client/mysql.cc)."""

    def __init__(self, *, escapes: bool) -> None:
        self._escapes = escapes
        self._quote, self._is_comment = "", False
        self._special = ""  # within one line: "!" is a conditional comment, "+" a hint
        self._is_command = False
        self.sees_an_end = False

    def misreads(self, text: str) -> bool:
        """Whether it would execute a command in the text, or would not see a delimiter after it."""
        is_cut = False
        for line in text.split("\n"):
            is_cut = self._read(line)
        return self._is_command or is_cut or self._is_comment or bool(self._quote) or self._special == "+"

    def _read(self, line: str) -> bool:
        """Whether the line ends in a comment that ends with it."""
        self._special, at = "", 0
        while sign := _SIGN.search(line, at):
            at = sign.end()
            if sign[0][0] == "\\":
                at = self._after_backslash(sign)
            elif sign[0] in ("--", "#"):
                if not (self._is_comment or self._quote):
                    return True
            elif sign[0] in ("'", '"', "`"):
                self._see_quote(sign[0])
            elif sign[0] == ";":
                self.sees_an_end |= not (self._is_comment or self._quote)
            elif not self._quote:
                at -= sign[0] == "*/" and bool(self._special)  # `*/*` is an end and a beginning
                self._see_comment(sign[0])
        return False

    def _after_backslash(self, sign: re.Match[str]) -> int:
        is_escape = not self._is_comment and (self._escapes or not self._quote)
        self._is_command |= not (self._is_comment or self._quote)
        return sign.end() if is_escape and (self._quote, sign[0][1:]) != ("`", "`") else sign.start() + 1

    def _see_quote(self, one: str) -> None:
        if one == self._quote:
            self._quote = ""
        elif not (self._is_comment or self._quote or self._special == "+"):
            self._quote = one

    def _see_comment(self, one: str) -> None:
        if one == "/*" and self._special != "+":
            self._is_comment = True
        elif one == "*/":
            self._is_comment, self._special = self._is_comment and bool(self._special), ""
        elif one != "/*":
            self._special = one[2]
