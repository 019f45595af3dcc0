"""The digest of a table, asked of a real server: it sees every byte of every row, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator

import pytest

from mysqlops import errors
from mysqlops.mysql import comparison, connect, contents
from mysqlops.operations import recorded
from tests.database.conftest import Database

_PACKET = 1 << 20
_COLUMNS = """(id INT PRIMARY KEY, x DOUBLE, f FLOAT, y VARBINARY(9), z JSON, `q``q%s` VARCHAR(9), l TEXT CHARACTER SET
latin1, w VARCHAR(9) CHARACTER SET utf16, e ENUM('', 'a', 'b'), s SET('a', 'b'), b BIT(64), d DECIMAL(40,9),
t TIMESTAMP(6) NULL, m DATETIME(3), g GEOMETRY, bb LONGBLOB)"""
_ROW = (
    "(1, 1.5, 16777215, x'00', '{\"k\": 1}', 'a', 'é', 'é', 'a', 'a,b', b'1', 1e30, '2026-01-01 00:00:00.000001', "
    "'2026-01-01 00:00:00.001', POINT(1, 2), x'00')"
)
_OTHERS = (
    "(2, 1.6, 0.1, NULL, NULL, '', '', NULL, '', '', NULL, NULL, NULL, NULL, NULL, NULL)",
    "(3, 2.5, NULL, '', '[]', NULL, NULL, '', NULL, NULL, 0, 0, '2026-01-01', '2026-01-01', POINT(0, 0), '')",
)
_CHANGES = (
    *("id = 9", "x = 1.5000000000000002", "f = 16777214", "x = NULL, f = 1.5", "y = x'0000'", "z = '{\"k\": 2}'"),
    *("`q``q%s` = 'A'", "`q``q%s` = 'a '", "`q``q%s` = 'NULL'", "l = 'e'", "w = 'e'", "l = NULL", "l = ''", "e = 0"),
    *("e = 'b'", "s = 'a'", "b = b'0'", "d = d + 0.000000001", "t = t + INTERVAL 1 MICROSECOND", "g = POINT(2, 1)"),
    *("m = m + INTERVAL 1000 MICROSECOND", "bb = x'01'", "bb = ''", "bb = NULL", "t = NULL", "`q``q%s` = ',', y = ''"),
)

Digest = Callable[[str], comparison.Contents]


@pytest.fixture
def server(writable: Database) -> Iterator[connect.Server]:
    """With a packet as small as servers have it; a session's own is that of its beginning."""
    with writable.connect() as one:
        packet = one.scalar("SELECT @@global.max_allowed_packet")
        one.query(f"SET GLOBAL max_allowed_packet = {_PACKET}")
        one.query("CREATE DATABASE `odd-%s`")
    try:
        with writable.connect() as small:
            connect.set_read_timeout(small, 60)
            small.query("USE `odd-%s`")
            small.query("SET sql_mode = ''")
            yield small
    finally:
        with writable.connect() as one:
            one.query("DROP DATABASE `odd-%s`")
            one.query(f"SET GLOBAL max_allowed_packet = {packet}")


@pytest.fixture
def digest(server: connect.Server) -> Digest:
    return lambda table: comparison.contents(server, "odd-%s", table)


def test_it_changes_with_any_value_and_not_with_the_order(server: connect.Server, digest: Digest) -> None:
    for table, rows in (("a", [_ROW, *_OTHERS]), ("b", [*reversed(_OTHERS), _ROW])):
        server.query(f"CREATE TABLE {table} {_COLUMNS}")
        server.query(f"INSERT INTO {table} VALUES {', '.join(rows)}")
    same = digest("a")
    assert (same.rows, same) == (3, digest("b"))
    seen = {same}
    for change in _CHANGES:
        server.query("SET sql_mode = ''")
        server.query(f"UPDATE b SET {change} WHERE id = 1")
        assert digest("b") not in seen, change
        seen.add(digest("b"))
        server.query("DELETE FROM b WHERE id IN (1, 9)")
        server.query("INSERT INTO b SELECT * FROM a WHERE id = 1")
    assert digest("b") == same


def test_equal_rows_do_not_cancel_out(server: connect.Server, digest: Digest) -> None:
    for table, values in (("a", "(1), (1), (2)"), ("b", "(2), (2), (2)"), ("c", "(3), (3), (2)"), ("d", "(NULL)")):
        server.query(f"CREATE TABLE {table} (n INT)")
        server.query(f"INSERT INTO {table} VALUES {values}")
    assert len({digest(table) for table in "abcd"}) == 4


def test_a_value_larger_than_a_packet_counts(server: connect.Server, digest: Digest) -> None:
    """No function returns it whole: CONCAT gives NULL instead, which an aggregate leaves out."""
    for table, last in (("a", "x"), ("b", "y")):
        server.query(f"CREATE TABLE {table} (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT)")
        server.query(f"INSERT INTO {table} VALUES (1, REPEAT('a', 900000), REPEAT('b', 900000))")
        server.query(f"INSERT INTO {table} VALUES (2, '{last}', '')")
    assert server.scalar("SELECT CONCAT(HEX(b), '#') FROM a WHERE id = 1") is None
    assert digest("a").digest
    assert digest("a") != digest("b")
    server.query("UPDATE b SET b = 'x' WHERE id = 2")
    assert digest("a") == digest("b")
    for column, text in (("b", "a"), ("t", "b")):
        server.query(f"UPDATE b SET {column} = CONCAT(REPEAT('{text}', 899999), '!') WHERE id = 1")
        assert digest("a") != digest("b"), column
        server.query(f"UPDATE b SET {column} = REPEAT('{text}', 900000) WHERE id = 1")


def test_the_widest_row_fits_into_a_packet(server: connect.Server, digest: Digest) -> None:
    columns = ", ".join(f"c{number} TEXT" for number in range(190))
    server.query(f"CREATE TABLE wide (id INT PRIMARY KEY, v VARCHAR(14000), {columns})")
    server.query("INSERT INTO wide (id, v, c189) VALUES (1, REPEAT('é', 2400), 'x'), (2, NULL, 'x')")
    before = digest("wide")
    server.query("UPDATE wide SET c189 = 'y' WHERE id = 1")
    assert digest("wide").rows == before.rows == 2
    assert digest("wide") != before


def test_a_row_without_a_digest_is_an_error(server: connect.Server, digest: Digest, database: Database) -> None:
    server.query("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(2000))")
    server.query("INSERT INTO t VALUES (1, REPEAT('a', 2000)), (2, '')")
    server.query("SET GLOBAL max_allowed_packet = 1024")
    with database.connect() as tiny, pytest.raises(errors.StatementFailed, match=r"1 of 2 rows .*max_allowed_packet"):
        comparison.contents(tiny, "odd-%s", "t")


_SETTINGS = (
    *("time_zone = '+09:30'", "sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'"),
    *("character_set_connection = latin1", "character_set_results = latin1", "sql_select_limit = 1"),
    *("max_execution_time = 1", "sql_safe_updates = 1", "group_concat_max_len = 4", "sql_big_selects = 0"),
    *("max_join_size = 1", "sql_quote_show_create = 0"),
)


@pytest.mark.parametrize("setting", _SETTINGS)
def test_no_setting_of_the_session_changes_it(server: connect.Server, digest: Digest, setting: str) -> None:
    server.query(f"CREATE TABLE t {_COLUMNS}")
    server.query(f"INSERT INTO t VALUES {', '.join([_ROW, *_OTHERS])}")
    server.query("ALTER TABLE t ADD c CHAR(9) NOT NULL DEFAULT 'a'")
    before = digest("t"), comparison.tables(server, "odd-%s")
    server.query(f"SET SESSION {setting}")
    comparison.fix_session(server)
    assert (digest("t"), comparison.tables(server, "odd-%s")) == before


def test_what_a_database_has(server: connect.Server) -> None:
    server.query("CREATE TABLE a (id INT PRIMARY KEY)")
    server.query("CREATE TABLE c (id INT)")
    assert comparison.tables(server, "odd-%s") == ["a", "c"]
    assert comparison.unfit_tables(server, "odd-%s") == ["odd-%s.c has no primary key"]
    assert "odd-%s" in comparison.databases(server)


def test_old_records_are_compared_in_their_own_way(server: connect.Server) -> None:
    """As the revisions that made them did: what their digest does not see stays unseen, and nothing else differs."""
    server.query("CREATE TABLE t (id INT PRIMARY KEY, y VARBINARY(9), v VARCHAR(9))")
    server.query("INSERT INTO t VALUES (1, x'00ff', 'é'), (2, NULL, NULL)")
    digest = 0
    for row in (("31", "00FF", "C3A9"), ("32", "NULL", "NULL")):
        digest ^= int(hashlib.sha256("#".join(row).encode()).hexdigest()[:16], 16)
    assert comparison.contents_as_before(server, "odd-%s", "t") == comparison.Contents(2, digest)
    before = contents.of_any_version(server, lambda _: None, contents.BEFORE)
    assert before.tables["odd-%s.t"] == contents.Table(2, digest)
    now = contents.of_any_version(server, lambda _: None)
    assert now.tables['"odd-%s".t'] != before.tables["odd-%s.t"]
    assert (before.version, now.version) == (contents.BEFORE, contents.VERSION)
    for one in (before, now):
        assert contents.load(json.loads(json.dumps(one.as_json()))) == one
        recorded.load(json.dumps({"backup": {}, "contents": one.as_json(), "spec": {}}), "b1")  # a restore accepts it


def test_names_with_dots_are_told_apart(server: connect.Server) -> None:
    for database, table in (("odd-%s", "b.c"), ("odd-%s", "b"), ("odd-%s", "c")):
        server.query(f"CREATE TABLE {comparison.quoted(database, table)} (id INT PRIMARY KEY)")
    server.query("CREATE DATABASE `odd-%s.b`")
    try:
        server.query("CREATE TABLE `odd-%s.b`.c (id INT PRIMARY KEY)")
        server.query("INSERT INTO `odd-%s.b`.c VALUES (1)")
        found = contents.of(server, lambda _: None, with_checksums=True).tables
    finally:
        server.query("DROP DATABASE `odd-%s.b`")
    assert (found['"odd-%s"."b.c"'].rows, found['"odd-%s.b".c'].rows) == (0, 1)
