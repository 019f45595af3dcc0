"""Routines, triggers and events whose text the mysql client would parse differently from the server.

A dump puts them between `DELIMITER ;;` lines, and the client ends a statement at each `;;` that is not quoted or
commented out in *its* view: `--` before a control character starts a comment for the server only. The text after that
would run as statements of the account that loads the dump. mysqldump itself never finishes at an event that holds `;;`.
"""

from __future__ import annotations

import re

from mysqlops.mysql import comparison, connect

_SYSTEM = "('mysql', 'sys', 'information_schema', 'performance_schema')"
_ALL = f"""\
SELECT LOWER(routine_type), routine_schema, routine_name FROM information_schema.routines
WHERE routine_schema NOT IN {_SYSTEM}
UNION ALL SELECT 'trigger', trigger_schema, trigger_name FROM information_schema.triggers
WHERE trigger_schema NOT IN {_SYSTEM}
UNION ALL SELECT 'event', event_schema, event_name FROM information_schema.events WHERE event_schema NOT IN {_SYSTEM}
ORDER BY 1, 2, 3
"""  # noqa: S608
_TEXT = {"event": 3}  # else the third column
_SPLIT = re.compile(r";;|--[\x01-\x08\x0e-\x1f\x7f]")
_NAME = re.compile(r"`(?:[^`]|``)*`")  # as the client sees it, too


def splitting(server: connect.Server, database: str = "") -> list[str]:
    """The kind and name of each, in all databases or in one; a program whose text is not readable counts too."""
    found = []
    for kind, schema, name in server.query(_ALL):
        if database in ("", schema):
            rows = server.query(f"SHOW CREATE {kind} {comparison.quoted(str(schema), str(name))}")
            text = rows[0][_TEXT.get(kind, 2)] if rows else None
            if text is None or _SPLIT.search(str(text) if kind == "event" else _NAME.sub("", str(text))):
                found.append(f"{kind} {comparison.quoted(str(schema), str(name))}")
    return found
