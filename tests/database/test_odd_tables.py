"""Tables of real people: types, values and clauses that a dump as SQL may lose. Each comes back as it was, rows and
definition, or is refused by name. The very scripts of a backup's Job run here, on real servers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mysqlops import errors
from mysqlops.mysql import comparison, connect, contents
from tests.database import copies, dumps

# What a table is for -> its columns and clauses, and the rows.
TABLES: Mapping[str, tuple[str, str]] = {
    "bits": ("(a BIT(64) PRIMARY KEY, b BIT(1))", "(b'0', NULL), (0xFFFFFFFFFFFFFFFF, b'1'), (0x0A00270D5C, b'0')"),
    "decimals": ("(a DECIMAL(65,30) PRIMARY KEY)", "(-0.000000000000000000000000000001), (9e34)"),
    "doubles": ("(id INT PRIMARY KEY, a DOUBLE)", "(1, -0e0), (2, 1.7976931348623157e308), (3, 5e-324), (4, 0.1)"),
    "years": ("(a YEAR PRIMARY KEY, d DATE, t TIMESTAMP NULL)", "(0, '0000-00-00', NULL), (2155, '2024-00-31', NULL)"),
    "times": ("(id INT PRIMARY KEY, a TIME(6), b DATETIME(6))", "(1, '-838:59:59', '9999-12-31 23:59:59.999999')"),
    "stamps": ("(a TIMESTAMP(6) PRIMARY KEY)", "('1970-01-01 00:00:01'), ('2038-01-19 03:14:07.499999')"),
    "enums": (
        r"(id INT PRIMARY KEY, a ENUM('', 'a,b', 'it''s', '\\', 'ü'), b SET('x y', '\'', '%'))",
        r"(1, '', ''), (2, 'a,b', 'x y,%'), (3, 'it''s', '\''), (4, '\\', NULL), (5, 'ü', 7)",
    ),
    "invalid_enum": ("(id INT PRIMARY KEY, a ENUM('x'))", "(1, 'nothing'), (2, 'x')"),
    "bytes": (
        "(a VARBINARY(9) PRIMARY KEY, b LONGBLOB, c TINYTEXT, d BINARY(4))",
        r"(0x00, 0x000A0D1A225C27, '\0\n\r\Z\\', 'a'), ('', '', '', ''), (0xFF, NULL, 'a ', 'a  ')",
    ),
    "latin": (
        "(a VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_german2_ci PRIMARY KEY, b TEXT CHARACTER SET gbk)",
        "(0xE4, 0xC4E3), (0x80FF, 0x815C)",
    ),
    "trailing": ("(a CHAR(4) COLLATE utf8mb4_0900_bin PRIMARY KEY, b VARCHAR(9))", "('a', 'a '), ('b', ' ')"),
    "json": (
        "(id INT PRIMARY KEY, a JSON)",
        r"""(1, '{"": null, "a\\u0000b": [18446744073709551615, -0.0, 1.0, "\\ud83d\\ude00"]}'), (2, NULL)""",
    ),
    "shapes": ("(id INT PRIMARY KEY, a POINT NOT NULL SRID 4326, SPATIAL KEY (a))", "(1, ST_SRID(POINT(1, 2), 4326))"),
    "geometries": ("(id INT PRIMARY KEY, a GEOMETRY)", "(1, ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')), (2, NULL)"),
    "generated": (
        "(id INT PRIMARY KEY, a INT GENERATED ALWAYS AS (id * 2), b CHAR(9) AS (CONCAT('x', id)) STORED UNIQUE)",
        "(1, DEFAULT, DEFAULT), (2, DEFAULT, DEFAULT)",
    ),
    "invisible": ("(id INT PRIMARY KEY INVISIBLE AUTO_INCREMENT, a INT, b INT INVISIBLE DEFAULT 7)", "(1), (2)"),
    "only_generated": ("(a INT, b INT AS (a + 1), PRIMARY KEY (a)) AUTO_INCREMENT = 1", "(1, DEFAULT)"),
    "no_rows": ("(a INT PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 4711", ""),
    "last_number": ("(a TINYINT UNSIGNED PRIMARY KEY AUTO_INCREMENT)", "(255)"),
    "zero_number": ("(a INT PRIMARY KEY AUTO_INCREMENT, b INT)", "(0, 1), (-1, 2)"),
    "defaults": (
        "(id INT PRIMARY KEY, a JSON DEFAULT (JSON_OBJECT('k', 'it''s')), b BLOB DEFAULT ('\\\\'), "
        "c DATETIME DEFAULT NOW() ON UPDATE NOW(), d DATE DEFAULT (CURDATE() + INTERVAL 1 DAY))",
        "(1, NULL, NULL, NULL, NULL)",
    ),
    "indexes": (
        "(id INT PRIMARY KEY, a JSON, b TEXT, c VARCHAR(9), KEY ((CAST(a->'$.n' AS UNSIGNED ARRAY))), KEY (b(3)), "
        "FULLTEXT KEY (b) WITH PARSER ngram, KEY ((UPPER(c))) INVISIBLE COMMENT 'it''s', KEY (c DESC))",
        """(1, '{"n": [1, 2]}', 'ünïcode', 'a')""",
    ),
    "checks": ("(a INT PRIMARY KEY, CONSTRAINT `c``k` CHECK (a <> 3) NOT ENFORCED)", "(3)"),
    "hashed": ("(a INT, b DATE, PRIMARY KEY (a, b)) PARTITION BY LINEAR KEY (a) PARTITIONS 3", "(1, '2020-01-01')"),
    "ranges": (
        "(a INT, b DATE, PRIMARY KEY (a, b)) PARTITION BY RANGE COLUMNS (b) SUBPARTITION BY HASH (a) SUBPARTITIONS 2 "
        "(PARTITION `p``0` VALUES LESS THAN ('2020-01-01'), PARTITION p1 VALUES LESS THAN (MAXVALUE))",
        "(1, '2019-12-31'), (2, '2020-01-01')",
    ),
    "packed": ("(a INT PRIMARY KEY, b TEXT) ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 4", "(1, REPEAT('x', 9000))"),
    "pages": ("(a INT PRIMARY KEY, b TEXT) COMPRESSION = 'zlib' STATS_PERSISTENT = 0", "(1, '')"),
    "comments": (r"(a INT PRIMARY KEY COMMENT 'a\nb;-- \\') COMMENT = 'it''s; */ `'", "(1)"),
    "unkeyed": ("(a INT, b VARCHAR(3) NOT NULL, UNIQUE (b))", "(NULL, 'a'), (NULL, 'b')"),
    "twice": ("(a INT)", "(1), (1), (NULL), (NULL)"),
    "wide": (f"(id INT PRIMARY KEY, {', '.join(f'c{number} INT DEFAULT {number}' for number in range(1000))})", ""),
    "self": ("(a INT PRIMARY KEY, b INT, FOREIGN KEY (b) REFERENCES self (a))", "(1, 2), (2, 1)"),
}
MORE = (
    "CREATE TABLE odd.mother (a INT PRIMARY KEY, b INT)",
    "CREATE TABLE odd.child (a INT PRIMARY KEY, CONSTRAINT c FOREIGN KEY (a) REFERENCES mother (a) ON DELETE CASCADE)",
    "ALTER TABLE odd.mother ADD CONSTRAINT up FOREIGN KEY (b) REFERENCES child (a) ON UPDATE SET NULL",
    "INSERT INTO odd.mother VALUES (1, 1)",
    "INSERT INTO odd.child VALUES (1)",
    "CREATE TRIGGER odd.one BEFORE INSERT ON odd.twice FOR EACH ROW SET NEW.a = NEW.a + 1",
    "CREATE TRIGGER odd.two BEFORE INSERT ON odd.twice FOR EACH ROW PRECEDES one SET NEW.a = NEW.a * 2",
    "CREATE VIEW odd.seen AS SELECT * FROM odd.child WITH LOCAL CHECK OPTION",
    "CREATE ALGORITHM = TEMPTABLE SQL SECURITY INVOKER VIEW odd.above AS SELECT a AS `it's`, 1 AS `;` FROM odd.seen",
    "CREATE EVENT odd.over ON SCHEDULE AT NOW() + INTERVAL 9 YEAR ON COMPLETION PRESERVE DISABLE DO SELECT 1",
    "CREATE DATABASE `odd.two` CHARACTER SET latin1 COLLATE latin1_bin",
    "CREATE TABLE `odd.two`.t (a INT PRIMARY KEY, FOREIGN KEY (a) REFERENCES odd.mother (a))",
    "INSERT INTO `odd.two`.t VALUES (1)",
)


def _make(server: connect.Server) -> None:
    comparison.fix_session(server)
    server.query("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0")
    server.query("CREATE DATABASE IF NOT EXISTS mysqlops")
    server.query("CREATE DATABASE odd")
    for name, (definition, rows) in TABLES.items():
        server.query(f"CREATE TABLE odd.{name} {definition}")
        if rows:
            columns = " (a)" if name == "invisible" else ""
            server.query(f"INSERT INTO odd.{name}{columns} VALUES {rows}")
    for statement in MORE:
        server.query(statement)


def _shown(server: connect.Server) -> dict[str, str]:
    comparison.fix_session(server)
    found = {}
    for database in ("odd", "odd.two"):
        found[database] = str(server.query(f"SHOW CREATE DATABASE {comparison.quoted(database)}")[0][1])
        for table in comparison.tables(server, database):
            found[f"{database}.{table}"] = str(
                server.query(f"SHOW CREATE TABLE {comparison.quoted(database, table)}")[0][1]
            )
    return found


def test_every_table_comes_back_as_it_was(source: copies.Copy) -> None:
    with source.login() as server:
        _make(server)
        before = _shown(server)
        found = dumps.dump(source, server)
    with dumps.loaded(source) as server:
        after = _shown(server)
        now = contents.of_any_version(server, dumps.say)
        assert server.query("SELECT a FROM odd.twice WHERE a IS NOT NULL") == [(1,), (1,)], "no trigger changed a row"
    assert {name: (text, after.get(name)) for name, text in before.items() if text != after.get(name)} == {}
    assert [one for one in contents.differences(found, now) if "root@localhost" not in one] == []
    assert found.tables["odd.twice"].rows == 4


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("CREATE TABLE odd.floats (a FLOAT PRIMARY KEY)|INSERT INTO odd.floats VALUES (16777217.5), (1e-45)", "FLOAT"),
        (
            "CREATE TABLE odd.more (id INT PRIMARY KEY, a JSON)|INSERT INTO odd.more SELECT 1, CAST(1.10 AS JSON)",
            "JSON",
        ),
    ],
)
def test_what_sql_cannot_hold_is_refused_by_name(source: copies.Copy, made: str, said: str) -> None:
    with source.login() as server:
        server.query("SET GLOBAL super_read_only = OFF")
        for statement in made.split("|"):
            server.query(statement)
        with pytest.raises(errors.Refused, match=said):
            dumps.dump(source, server)
        server.query("SET GLOBAL super_read_only = OFF")
        server.query(f"DROP TABLE {made.split()[2]}")
