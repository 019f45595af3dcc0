"""Parts of a program that come back as other text when its definition is run again.

A server shows a definition in the character set of its author's session: the parameters and the body as the author sent
them, but what it writes itself, the definer, the comment and the type of a function's result, in UTF-8. Whoever runs
that text as its author did, such as a dump, has the server read these parts in the wrong
set: a comment `für` of a session with latin1 becomes `fÃ¼r`, and a definer another account.
"""

from __future__ import annotations

from mysqlops.mysql import comparison, connect

GARBLED = "would come back as other text, because it was written by a session with character set"
WAY_OUT = "create it again in a session with utf8mb4, or with that part in ASCII"
_UTF8 = ("utf8", "utf8mb3", "utf8mb4")
_PARTS = (
    ("routines", "LOWER(routine_type)", "routine", ("definer", "routine_comment", "dtd_identifier")),
    ("triggers", "'trigger'", "trigger", ("definer",)),
    ("events", "'event'", "event", ("definer", "event_comment")),
)
_NAMES = {"routine_comment": "comment", "event_comment": "comment", "dtd_identifier": "result type"}


def garbled(server: connect.Server, database: str = "") -> list[str]:
    """Each such part, in all databases but the server's own or in one, as `procedure NAME: its comment …`."""
    found = []
    for view, kind, prefix, parts in _PARTS:
        query = (
            f"SELECT {kind}, {prefix}_schema, {prefix}_name, character_set_client, {', '.join(parts)} "  # noqa: S608
            f"FROM information_schema.{view} ORDER BY 2, 3, 1"
        )
        for what, schema, name, charset, *texts in server.query(query):
            if str(charset) in _UTF8 or schema in comparison.SYSTEM or database not in ("", schema):
                continue
            said = [_NAMES.get(part, part) for part, text in zip(parts, texts, strict=True) if not _is_ascii(text)]
            program = f"{what} {comparison.quoted(str(schema), str(name))}"
            found += [f"{program}: its {part} {GARBLED} {charset}" for part in said]
    return found


def _is_ascii(text: object) -> bool:
    return text is None or str(text).isascii()
