"""What a server writes into a definition itself, in UTF-8, beside what its author sent in another character set."""

from __future__ import annotations

from typing import Any

import pytest

from mysqlops.mysql import connect, program_parts
from tests.database.conftest import Database
from tests.database.containers import docker

_LETTERS = {"latin1": "äß", "gbk": "你好", "sjis": "日本", "cp1251": "фы"}
_CODECS = {"latin1": "cp1252", "sjis": "cp932", "utf8mb4": "utf-8"}
_WHERE = {
    "routines": "routine_schema",
    "parameters": "specific_schema",
    "triggers": "trigger_schema",
    "events": "event_schema",
    "views": "table_schema",
}
_TIMES = ("created", "last_altered", "last_executed", "starts")
# Each with the part that the server writes, if it has one.
_PROGRAMS = {
    "plain procedure": ("PROCEDURE tricky.p(`{0}` INT) SELECT '{0}', `{0}` AS `{0}`", ""),
    "plain function": (
        "FUNCTION tricky.p(`{0}` CHAR(9)) RETURNS CHAR(9) DETERMINISTIC RETURN CONCAT('{0}', `{0}`)",
        "",
    ),
    "plain event": ("EVENT tricky.p ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO SELECT '{0}'", ""),
    "plain trigger": ("TRIGGER tricky.p BEFORE INSERT ON tricky.t FOR EACH ROW SET @`{0}` = '{0}'", ""),
    "plain view": ("VIEW tricky.p AS SELECT '{0}' AS a", ""),
    "commented procedure": ("PROCEDURE tricky.p() COMMENT '{0}' SELECT 1", "comment"),
    "commented function": ("FUNCTION tricky.p() RETURNS INT DETERMINISTIC COMMENT '{0}' RETURN 1", "comment"),
    "commented event": (
        "EVENT tricky.p ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' COMMENT '{0}' DO SELECT 1",
        "comment",
    ),
    "procedure by": ("DEFINER=`{0}`@`%` PROCEDURE tricky.p() SELECT 1", "definer"),
    "function by": ("DEFINER=`{0}`@`%` FUNCTION tricky.p() RETURNS INT DETERMINISTIC RETURN 1", "definer"),
    "event by": ("DEFINER=`{0}`@`%` EVENT tricky.p ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO SELECT 1", "definer"),
    "trigger by": ("DEFINER=`{0}`@`%` TRIGGER tricky.p BEFORE INSERT ON tricky.t FOR EACH ROW SET @a = 1", "definer"),
    "function of a set": ("FUNCTION tricky.p() RETURNS ENUM('{0}', 'b') DETERMINISTIC RETURN 'b'", "result type"),
}


def _create(server: connect.Server, charset: str, statement: str) -> None:
    """As a client of that character set."""
    server.query(f"SET NAMES {charset}")
    server.execute_bytes(f"CREATE {statement}".encode(_CODECS.get(charset, charset)))
    server.query("SET NAMES utf8mb4")


def _copy(server: connect.Server, database: Database) -> None:
    login = "--no-defaults --host=127.0.0.1 --user=tester --password=tester"
    options = "--routines --events --triggers --skip-comments --set-gtid-purged=OFF --no-tablespaces"
    server.query("CREATE DATABASE copied")
    dump = f"mysqldump {login} {options} tricky >/tmp/dump"
    load = f"mysql {login} --binary-mode --loose-comments copied </tmp/dump"
    docker("exec", database.container, "sh", "-ec", f"{dump} && {load}")


def _facts(server: connect.Server, database: str) -> dict[str, Any]:
    """All that the server knows of its programs, but for times."""
    found = {}
    for view, column in _WHERE.items():
        names = [
            str(name)
            for (name,) in server.query(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'information_schema' "
                "AND LOWER(table_name) = %s ORDER BY ordinal_position",
                [view],
            )
            if str(name).lower() not in _TIMES
        ]
        rows = server.query(f"SELECT {', '.join(names)} FROM information_schema.{view} WHERE {column} = %s", [database])
        found[view] = [[str(value).replace("copied", "tricky") for value in row] for row in rows]
    return found


@pytest.mark.parametrize("charset", [*_LETTERS, "utf8mb4"])
@pytest.mark.parametrize("kind", _PROGRAMS)
def test_a_part_that_would_come_back_as_other_text_is_named(
    server: connect.Server, database: Database, kind: str, charset: str
) -> None:
    """That the copy differs shows that the refusal is needed; that all else is the same, that it is enough."""
    statement, part = _PROGRAMS[kind]
    letters = _LETTERS.get(charset, "ä日" if part else "ä日𝄞")
    _create(server, charset, statement.format(letters))
    named = program_parts.garbled(server, "tricky")
    assert named == program_parts.garbled(server)
    before = _facts(server, "tricky")
    _copy(server, database)
    after = _facts(server, "copied")
    if part and charset != "utf8mb4":
        (one,) = named
        assert f"`tricky`.`p`: its {part} would come back as other text" in one
        assert one.endswith(f"character set {charset}")
        assert before != after
    else:
        assert named == []
        assert before == after
