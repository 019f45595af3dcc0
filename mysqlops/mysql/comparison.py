"""What a server holds, table by table and row by row, in numbers that are comparable across server versions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops import errors
from mysqlops.mysql import connect

SYSTEM = ("mysql", "sys", "information_schema", "performance_schema", "mysqlops")
_OF_SERVER = ("mysql", "information_schema", "performance_schema")
# Written unchanged: their text has no comma and never looks like NULL.
_PLAIN = set("tinyint smallint mediumint int bigint decimal date time datetime timestamp year".split())
_REAL = ("float", "double")
# Within InnoDB's limit of 65535 bytes a row, so twice that in hexadecimal always fits a packet.
_SHORT = set("char varchar binary varbinary set bit".split())
_BINARY_BEFORE = set(
    "binary varbinary blob tinyblob mediumblob longblob bit vector geometry point linestring polygon multipoint "
    "multilinestring multipolygon geomcollection".split()
)
_WRITTEN = {
    "float": "{0} <=> CAST(CAST({0} AS CHAR) AS FLOAT)",
    "json": "SHA2({0}, 256) <=> SHA2(CAST(CAST({0} AS CHAR) AS JSON), 256)",
}
_READ_SECONDS = 86400.0
_PART = 1 << 64
DIGEST_END = _PART**2
# Settings that could change the text of a value, the length of a list, or how long a statement or an idle connection
# may last. MySQL 5.7.8 knows all of them, and they need no privilege.
_SESSION = (
    ("time_zone", "'+00:00'"),
    ("sql_mode", "''"),
    ("sql_quote_show_create", "1"),
    ("sql_select_limit", "18446744073709551615"),
    ("sql_big_selects", "1"),
    ("sql_safe_updates", "0"),
    ("group_concat_max_len", "1073741824"),
    ("max_execution_time", "0"),
    ("wait_timeout", "604800"),
    ("net_write_timeout", "3600"),
)


@dataclass(frozen=True)
class Contents:
    """The contents of one table: its row count, and a digest over all rows that does not depend on their order."""

    rows: int
    digest: int


def fix_session(server: connect.Server) -> None:
    """Give this connection the settings that every comparison assumes, whatever the server's are, so that two servers
    write the same value the same way. Call it on both sides before reading anything to compare."""
    server.query("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
    server.query("SET " + ", ".join(f"SESSION {name} = {value}" for name, value in _SESSION))


def databases(server: connect.Server) -> list[str]:
    """All databases except the server's own."""
    found = server.query("SELECT schema_name FROM information_schema.schemata ORDER BY schema_name")
    return [str(name) for (name,) in found if name not in SYSTEM]  # `Sys` is a user's database


def misread(databases: Iterable[str]) -> list[str]:
    """Those that mysqldump, which ignores case, takes for the server's own: it leaves out rows of `general_log` and
    `slow_log` there, and its dump sets global variables."""
    text = "database {}: mysqldump takes it for the server's own, because it ignores case"
    return [text.format(quoted(name)) for name in databases if name not in SYSTEM and name.lower() in _OF_SERVER]


def tables(server: connect.Server, database: str) -> list[str]:
    rows = server.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE' "
        "ORDER BY table_name",
        [database],
    )
    return [str(name) for (name,) in rows]


def contents(server: connect.Server, database: str, table: str) -> Contents:
    """Reads every byte of every row, after fix_session. The digest is the sum of the rows' SHA-256, in two parts of 64
    bits: it does not depend on the order, and each of several equal rows counts. Raises StatementFailed."""
    connect.set_read_timeout(server, _READ_SECONDS)
    fix_session(server)
    columns = _columns(server, database, table)
    values = ["''", *(_text_of(name, kind) for name, kind in columns)]
    row = f"SHA2(CONCAT({', '.join(values)}), 256)"
    sums = ", ".join(f"SUM(CAST(CONV(SUBSTRING({row}, {start}, 16), 16, 10) AS UNSIGNED))" for start in (1, 17))
    found = server.query(f"SELECT COUNT(*), COUNT({row}), {sums} FROM {quoted(database, table)}")[0]  # noqa: S608 (quoted)
    rows, seen, high, low = (int(number or 0) for number in found)
    if seen != rows:  # a function returned NULL, as CONCAT does above max_allowed_packet
        text = f"{server.where}: {rows - seen} of {rows} rows of {quoted(database, table)} have no digest"
        raise errors.StatementFailed(f"{text}; max_allowed_packet must be 1M or more")
    return Contents(rows, high % _PART * _PART + low % _PART)


def contents_as_before(server: connect.Server, database: str, table: str) -> Contents:
    """The digest that backups recorded until 2026-11, only for comparing those: pairs of equal rows cancel out, rows
    larger than a packet are ignored, and it depends on the session's settings, which are therefore left unchanged."""
    connect.set_read_timeout(server, _READ_SECONDS)
    parts = ", ".join(_text_as_before(name, kind) for name, kind in _columns(server, database, table))
    digest = f"CONV(LEFT(SHA2(CONCAT_WS('#', {parts}), 256), 16), 16, 10)"
    query = f"SELECT COUNT(*), COALESCE(BIT_XOR(CAST({digest} AS UNSIGNED)), 0) FROM {quoted(database, table)}"  # noqa: S608 (names are quoted)
    count, found = server.query(query)[0]
    return Contents(int(count), int(found))


def _text_as_before(column: str, kind: str) -> str:
    name = quoted(column)
    text = f"HEX({name})" if kind in _BINARY_BEFORE else f"HEX(CAST({name} AS CHAR CHARACTER SET utf8mb4))"
    return f"COALESCE({text}, 'NULL')"


def not_writable(server: connect.Server, database: str, table: str) -> int:
    """The number of rows that SQL text cannot represent exactly: FLOATs of more than six digits, and DECIMALs and other
    MySQL types inside JSON. Needs MySQL 8.0.17."""
    fix_session(server)
    lost = [
        f"NOT ({_WRITTEN[kind].format(quoted(name))})"
        for name, kind in _columns(server, database, table)
        if kind in _WRITTEN
    ]
    if not lost:
        return 0
    return int(server.scalar(f"SELECT COUNT(*) FROM {quoted(database, table)} WHERE {' OR '.join(lost)}"))  # noqa: S608 (quoted)


def _columns(server: connect.Server, database: str, table: str) -> list[tuple[str, str]]:
    """All stored columns that are not generated, each with its type."""
    rows = server.query(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = %s AND generation_expression = '' ORDER BY ordinal_position",
        [database, table],
    )
    return [(str(name), str(kind).lower()) for name, kind in rows]


def _text_of(column: str, kind: str) -> str:
    """An expression that is equal for two values only if they are the same: every text ends with its only comma, and
    NULL's text is unique. Bytes count as stored, in the column's own character set; a value that may be as large as a
    packet, or is of an unknown type, is hashed separately."""
    name = quoted(column)
    if kind in _PLAIN:
        text = name
    elif kind in _REAL:  # as a DOUBLE: the text of a FLOAT has six digits, whatever it holds
        text = f"{name} + 0e0"
    elif kind == "enum":  # an invalid value has the text of ''
        text = f"CONCAT({name} + 0, ':', HEX({name}))"
    elif kind in _SHORT:
        text = f"HEX({name})"
    else:
        text = f"SHA2({name}, 256)"
    return f"IF({name} IS NULL, 'NULL', {text}), ','"


def quoted(*names: str) -> str:
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def programs(server: connect.Server, database: str) -> dict[str, str]:
    """Views, routines, triggers and events, each as `kind name`, with a digest of its body. It is empty for a view,
    whose text each version writes differently, and for all in 5.7, which shows bodies in three-byte characters."""
    queries: Sequence[tuple[str, str, str, str]] = (
        ("'view'", "table_name", "NULL", "views WHERE table_schema"),
        ("LOWER(routine_type)", "routine_name", "routine_definition", "routines WHERE routine_schema"),
        ("'trigger'", "trigger_name", "action_statement", "triggers WHERE trigger_schema"),
        ("'event'", "event_name", "event_definition", "events WHERE event_schema"),
    )
    found = {}
    for kind, column, body, source in queries:
        # The mysql client adds spaces next to comments.
        digest = f"IF(VERSION() LIKE '5.%%', NULL, SHA2(REPLACE({body}, ' ', ''), 256))"
        query = f"SELECT {kind}, {column}, {digest} FROM information_schema.{source} = %s"  # noqa: S608
        found.update({f"{what} {name}": str(seen or "") for what, name, seen in server.query(query, [database])})
    return found


def held(server: connect.Server, database: str) -> list[str]:
    """Everything in it, each as `kind name`."""
    return [*(f"table {name}" for name in tables(server, database)), *sorted(programs(server, database))]


def differing(other: dict[str, str], here: dict[str, str]) -> list[str]:
    """Programs that only one side has, or that both have with another body."""
    missing = other.keys() ^ here.keys()
    return sorted(missing | {name for name in other if other[name] and here.get(name) and other[name] != here[name]})


def is_event(program: str) -> bool:
    """Whether that key of `programs` names an event."""
    return program.startswith("event ")


def compare(source: connect.Server, target: connect.Server, database: str) -> list[dict[str, Any]]:
    """Each table's rows on both sides, and what else the database has, except for events
    (foreign_programs.create_events). On the target a view is read as no table, whatever it is on the source by now: its
    functions would run with the rights of this connection."""
    found = []
    copied = set(tables(target, database))
    for table in tables(source, database):
        other, here = contents(source, database, table), Contents(-1, 0)
        if table in copied:
            with contextlib.suppress(errors.StatementFailed):
                here = contents(target, database, table)
        found.append({"name": f"{database}.{table}", "rows": other.rows, "copied": here.rows, "equal": other == here})
    different = differing(programs(source, database), programs(target, database))
    odd = [program for program in different if not is_event(program)]
    return [*found, *({"name": f"{database} {program}", "rows": 0, "copied": -1, "equal": False} for program in odd)]


def unfit_tables(server: connect.Server, database: str) -> list[str]:
    """Tables that a group cannot hold, with the reason: each needs InnoDB, and a primary key or a unique key without
    NULLs. https://dev.mysql.com/doc/refman/9.7/en/group-replication-requirements.html"""
    keyed = server.query(
        "SELECT DISTINCT table_name FROM (SELECT table_name, index_name FROM information_schema.statistics "
        "WHERE table_schema = %s AND non_unique = 0 GROUP BY table_name, index_name "
        "HAVING MAX(nullable = 'YES') = 0) k",
        [database],
    )
    engines = server.query(
        "SELECT table_name, engine FROM information_schema.tables "
        "WHERE table_schema = %s AND table_type = 'BASE TABLE' ORDER BY table_name",
        [database],
    )
    found = []
    for name, engine in engines:
        if str(engine).lower() != "innodb":
            found.append(f"{database}.{name} uses engine {engine}")
        elif (name,) not in keyed:
            found.append(f"{database}.{name} has no primary key")
    return found
