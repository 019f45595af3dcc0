"""What a server holds, table by table and row by row, in numbers that two servers of different versions share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mysqlops.mysql import connect

SYSTEM = ("mysql", "sys", "information_schema", "performance_schema", "mysqlops", "ndbinfo")
# CAST to text loses nothing of these, and HEX of a number would round it.
_BINARY = set(
    "binary varbinary blob tinyblob mediumblob longblob bit vector geometry point linestring polygon multipoint "
    "multilinestring multipolygon geomcollection".split()
)
_READ_SECONDS = 86400.0


@dataclass(frozen=True)
class Contents:
    """Of one table: its rows, and a digest over all of them that does not depend on their order."""

    rows: int
    digest: int


def databases(server: connect.Server) -> list[str]:
    """All but the server's own."""
    found = server.query("SELECT schema_name FROM information_schema.schemata ORDER BY schema_name")
    return [str(name) for (name,) in found if str(name).lower() not in SYSTEM]


def tables(server: connect.Server, database: str) -> list[str]:
    rows = server.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE' "
        "ORDER BY table_name",
        [database],
    )
    return [str(name) for (name,) in rows]


def contents(server: connect.Server, database: str, table: str) -> Contents:
    """Reads every row: the server's own SHA2 over each, xor-ed; rows with equal content need a primary key to count."""
    connect.set_read_timeout(server, _READ_SECONDS)
    columns = server.query(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = %s AND generation_expression = '' ORDER BY ordinal_position",
        [database, table],
    )
    parts = ", ".join(_text_of(str(name), str(kind)) for name, kind in columns)
    digest = f"CONV(LEFT(SHA2(CONCAT_WS('#', {parts}), 256), 16), 16, 10)"
    query = f"SELECT COUNT(*), COALESCE(BIT_XOR(CAST({digest} AS UNSIGNED)), 0) FROM {quoted(database, table)}"  # noqa: S608 (names are quoted)
    count, found = server.query(query)[0]
    return Contents(int(count), int(found))


def _text_of(column: str, kind: str) -> str:
    name = quoted(column)
    text = f"HEX({name})" if kind.lower() in _BINARY else f"HEX(CAST({name} AS CHAR CHARACTER SET utf8mb4))"
    return f"COALESCE({text}, 'NULL')"


def quoted(*names: str) -> str:
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def programs(server: connect.Server, database: str) -> set[str]:
    """Views, routines, triggers and events, each as `kind name`."""
    queries: Sequence[tuple[str, str, str]] = (
        ("view", "table_name", "views WHERE table_schema"),
        ("routine", "routine_name", "routines WHERE routine_schema"),
        ("trigger", "trigger_name", "triggers WHERE trigger_schema"),
        ("event", "event_name", "events WHERE event_schema"),
    )
    return {
        f"{kind} {name}"
        for kind, column, source in queries
        for (name,) in server.query(f"SELECT {column} FROM information_schema.{source} = %s", [database])  # noqa: S608
    }


def unfit_tables(server: connect.Server, database: str) -> list[str]:
    """Tables that a group cannot hold, each with why: every one needs InnoDB, and a primary key or a unique one without
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
            found.append(f"{database}.{name} is of engine {engine}")
        elif (name,) not in keyed:
            found.append(f"{database}.{name} has no primary key")
    return found
