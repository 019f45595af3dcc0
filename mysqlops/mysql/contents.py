"""Everything that a server holds, in numbers that another server of the same data must show too.

Rows and the server's own CHECKSUM TABLE for each table, which reads every page; the accounts and their rights; the
definitions of views, routines, triggers and events. Only for servers of one version: CHECKSUM TABLE depends on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from mysqlops.mysql import account_statements, comparison, connect

_READ_SECONDS = 7 * 86400.0
_RIGHTS = (
    *("user", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv"),
    *("global_grants", "role_edges", "default_roles"),
)
_DEFINITIONS = (
    "SELECT 'view', table_schema, table_name, view_definition FROM information_schema.views",
    "SELECT routine_type, routine_schema, routine_name, routine_definition FROM information_schema.routines",
    "SELECT 'trigger', trigger_schema, trigger_name, action_statement FROM information_schema.triggers",
    "SELECT 'event', event_schema, event_name, event_definition FROM information_schema.events",
)
_VIEWS = """
SELECT CONCAT('view ', table_schema, '.', table_name),
  GROUP_CONCAT(column_name, ' ', column_type ORDER BY ordinal_position)
FROM information_schema.views JOIN information_schema.columns USING (table_schema, table_name)
GROUP BY table_schema, table_name
"""


@dataclass(frozen=True)
class Table:
    rows: int
    checksum: int | None  # None if it was not asked for


@dataclass(frozen=True)
class Contents:
    """`tables` by `database.table`, `programs` by kind and name; rights are tables of the schema mysql."""

    tables: dict[str, Table]
    rights: dict[str, Table]
    programs: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def load(found: dict[str, Any]) -> Contents:
    """The inverse of as_json."""
    kinds = {kind: {name: Table(**one) for name, one in found[kind].items()} for kind in ("tables", "rights")}
    return Contents(kinds["tables"], kinds["rights"], found["programs"])


def of(server: connect.Server, say: Callable[[str], None], *, with_checksums: bool) -> Contents:
    """Reads everything; raises StatementFailed with the table that cannot be read."""
    tables = _tables(server, say, lambda database, table: _table(server, database, table, with_checksums))
    rights = {name: _table(server, "mysql", name, with_checksums=True) for name in _RIGHTS}
    return Contents(tables, rights, _programs(server))


def of_any_version(server: connect.Server, say: Callable[[str], None]) -> Contents:
    """The same in numbers that do not depend on the server's version; accounts as the statements that make them. After
    that nobody else gets in (account_statements.read)."""
    found = _tables(server, say, lambda database, table: _digest(server, database, table))
    # The server writes a view's text anew when it is loaded: what can be compared are its columns.
    views = {name: _hash(columns) for name, columns in server.query(_VIEWS)}
    programs = {name: views.get(name, text) for name, text in _programs(server).items()}
    made = {f"account {name}": _hash("\n".join(lines)) for name, lines in account_statements.read(server).items()}
    return Contents(found, {}, programs | made)


def of_whatever_version(found: Contents) -> Contents:
    """What a newer server must show of the same data too: an upgrade grants new rights, and checksums depend on the
    server (CHECKSUM TABLE); rows and names stay."""
    return Contents(
        {name: Table(table.rows, None) for name, table in found.tables.items()}, {}, dict.fromkeys(found.programs, "")
    )


def _tables(server: connect.Server, say: Callable[[str], None], read: Callable[[str, str], Table]) -> dict[str, Table]:
    connect.set_read_timeout(server, _READ_SECONDS)
    found = {}
    for database in comparison.databases(server):
        for table in comparison.tables(server, database):
            say(f"reading {database}.{table}")
            found[f"{database}.{table}"] = read(database, table)
    return found


def _table(server: connect.Server, database: str, table: str, with_checksums: bool) -> Table:
    name = comparison.quoted(database, table)
    rows = int(server.scalar(f"SELECT COUNT(*) FROM {name}"))  # noqa: S608 (quoted)
    checksum = server.query(f"CHECKSUM TABLE {name}")[0][1] if with_checksums else None
    return Table(rows, None if checksum is None else int(checksum))


def _digest(server: connect.Server, database: str, table: str) -> Table:
    found = comparison.contents(server, database, table)
    return Table(found.rows, found.digest)


def _programs(server: connect.Server) -> dict[str, str]:
    found = {}
    for query in _DEFINITIONS:
        for kind, database, name, text in server.query(query):
            if str(database).lower() not in comparison.SYSTEM:
                found[f"{str(kind).lower()} {database}.{name}"] = _hash(str(text))
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(recorded: Contents, found: Contents) -> list[str]:
    """What is not the same, a few words each."""
    told = []
    for kind in ("tables", "rights", "programs"):
        before: dict[str, Any] = getattr(recorded, kind)
        after: dict[str, Any] = getattr(found, kind)
        told += [f"{name} lacks" for name in sorted(before.keys() - after.keys())]
        told += [f"{name} is new" for name in sorted(after.keys() - before.keys())]
        told += [
            f"{name}: {_show(after[name])} instead of {_show(before[name])}"
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        ]
    return told


def _show(one: Table | str) -> str:
    return one if isinstance(one, str) else f"{one.rows} rows, checksum {one.checksum}"
