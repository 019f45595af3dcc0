"""A logical backup holds each definition as its author sent it: literals of other character sets, modes, and definers
that do not exist. The very scripts of a backup's Job run here, on real servers."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.mysql import comparison, connect, contents, definitions
from tests.database import copies, dumps

# A text in the bytes of each character set.
_SETS = {
    "utf8mb4": "ä日𝄞".encode(),
    "latin1": b"\xe4\xff\x80",
    "gbk": b"\xc4\xe3\xadA",
    "sjis": b"\x93\xfa\x83A",
    "cp1251": b"\xe4\xf6",
}
_ALL = {**_SETS, "binary": b"\xe4\xff"}
_MODES = ("", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT")
_LITERALS = b", ".join(
    [
        *(b"_%b'%b'" % (name.encode(), text) for name, text in _ALL.items()),
        *(b"_binary 0xE4FF", b"_gbk 0xAD5C", b"N'a'", b"x'ff'", b"b'101'", b"'it''s'", b"'a\\\\b'"),
        b"_utf8mb3'a' COLLATE utf8mb3_bin",
    ]
)
_VIEWED = [(name.encode(), text) for name, text in _ALL.items()]
_KINDS = {
    "VIEW": "SELECT table_name FROM information_schema.views WHERE table_schema = %s",
    "TABLE": "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE'",
    "PROCEDURE": "SELECT routine_name FROM information_schema.routines "
    "WHERE routine_schema = %s AND routine_type = 'PROCEDURE'",
    "FUNCTION": "SELECT routine_name FROM information_schema.routines "
    "WHERE routine_schema = %s AND routine_type = 'FUNCTION'",
    "TRIGGER": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s",
    "EVENT": "SELECT event_name FROM information_schema.events WHERE event_schema = %s",
}


def _run(server: connect.Server, database: str, charset: str, mode: str, statements: Sequence[bytes]) -> None:
    """As a client of that character set, which sends these bytes."""
    comparison.fix_session(server)
    server.query(f"USE {database}")
    server.query("SET SESSION sql_mode = %s", [mode])
    server.query(f"SET SESSION collation_connection = {server.scalar('SELECT @@collation_database')}")
    server.query(f"SET SESSION character_set_client = {charset}")
    for statement in statements:
        server.execute_bytes(statement)
    comparison.fix_session(server)


def _programs(text: bytes) -> list[bytes]:
    by = b"CREATE DEFINER=`gone`@`nowhere` "
    own = b"'%b'" % text
    return [
        by + b"PROCEDURE p() SELECT %b, %b" % (own, _LITERALS),
        by + b"PROCEDURE pl() BEGIN DECLARE a CHAR(9) DEFAULT _latin1'\xe4'; SELECT _binary'\xe4\xff', a; END",
        by + b"FUNCTION f() RETURNS VARBINARY(90) DETERMINISTIC RETURN CONCAT(_binary'\xe4', %b)" % own,
        by + b"EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT %b, %b" % (own, _LITERALS),
        b"CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(90) DEFAULT %b COMMENT %b) COMMENT %b" % (own, own, own),
        by + b"TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = CONCAT(_binary'\xe4', %b)" % own,
        by + b"VIEW v AS SELECT %b AS a, %b" % (own, b", ".join(b"_%b'%b' AS of_%b" % (n, t, n) for n, t in _VIEWED)),
    ]


def _tables(name: str, text: bytes) -> Iterator[bytes]:
    kind = b"VARBINARY(90)" if name == "binary" else b"VARCHAR(90) CHARACTER SET %b" % name.encode()
    for form, value in (
        (b"q", b"_%b'%b'" % (name.encode(), text)),
        (b"x", b"_%b 0x%b" % (name.encode(), text.hex().encode())),
    ):
        table = b"%b_%b" % (form, name.encode())
        yield b"CREATE TABLE g_%b (id INT PRIMARY KEY, a %b AS (CONCAT(%b, id)) STORED)" % (table, kind, value)
        yield b"CREATE TABLE c_%b (id INT PRIMARY KEY, a %b, CHECK (a <> %b))" % (table, kind, value)
        yield b"CREATE TABLE d_%b (id INT PRIMARY KEY, a %b DEFAULT (CONCAT(%b, id)), b %b DEFAULT %b)" % (
            table,
            kind,
            value,
            kind,
            value,
        )
        yield b"CREATE TABLE i_%b (id INT PRIMARY KEY, a %b, KEY ((CONCAT(a, %b))))" % (table, kind, value)
        yield b"CREATE TABLE l_%b (a %b PRIMARY KEY) PARTITION BY LIST COLUMNS (a) (PARTITION p VALUES IN (%b))" % (
            table,
            kind,
            value,
        )
        for one in (b"g", b"d"):
            yield b"INSERT INTO %b_%b (id) VALUES (1)" % (one, table)


def _shown(server: connect.Server) -> dict[str, Any]:
    """What the server shows of each, byte for byte, and what the programs answer."""
    comparison.fix_session(server)
    server.query("USE information_schema")  # a view is shown without its own database
    names = {
        f"{kind} {comparison.quoted(database, str(name))}": None
        for database in comparison.databases(server)
        for kind, query in _KINDS.items()
        for (name,) in server.query(query, [database])
    }
    server.query("SET SESSION character_set_results = binary")
    found: dict[str, Any] = {}
    for what in names:
        row = server.query(f"SHOW CREATE {what}")[0]
        found[what] = [value for value in row if not isinstance(value, datetime.datetime)]  # when a trigger was created
        if what.startswith("TABLE"):
            found[f"rows of {what}"] = server.query(f"SELECT * FROM {what.partition(' ')[2]}")
    comparison.fix_session(server)
    return found


def _different(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [
        f"{one}: {before.get(one)} -> {after.get(one)}"
        for one in {**before, **after}
        if before.get(one) != after.get(one)
    ]


def test_each_definition_comes_back_as_its_author_sent_it(source: copies.Copy) -> None:
    with source.login() as server:
        server.query("CREATE DATABASE mysqlops")
        for charset, text in _SETS.items():
            for number, mode in enumerate(_MODES):
                database = f"{charset}_{number}"
                server.query(f"CREATE DATABASE {database} CHARACTER SET {charset}")
                _run(server, database, charset, mode, _programs(text))
        for name, text in _ALL.items():
            _run(server, "utf8mb4_0", "utf8mb4", "", [*_tables(name, text)])
        before = _shown(server)
        assert len(before) > 120
        found = dumps.dump(source, server)
    with dumps.loaded(source) as server:
        assert _different(before, _shown(server)) == []
        now = contents.of_any_version(server, dumps.say)
    assert [one for one in contents.differences(found, now) if "root@localhost" not in one] == []


def test_a_definition_is_read_as_the_bytes_that_its_author_sent(source: copies.Copy) -> None:
    with source.login() as server:
        server.query("SET GLOBAL super_read_only = OFF")
        server.query("CREATE DATABASE one CHARACTER SET gbk")
        _run(server, "one", "gbk", "ANSI_QUOTES", [b"CREATE PROCEDURE p() SELECT _binary'\xe4', '\xc4\xe3'"])
        found = definitions.read(server, "procedure", "`one`.`p`")
        assert found is not None
        assert found.sent.endswith(b"SELECT _binary'\xe4', '\xc4\xe3'")
        assert (found.charset, found.collation, found.sql_mode) == ("gbk", "gbk_chinese_ci", "ANSI_QUOTES")
        assert server.scalar("SELECT @@character_set_results") == "utf8mb4"
        with pytest.raises(errors.StatementFailed):
            definitions.read(server, "procedure", "`one`.`none`")
