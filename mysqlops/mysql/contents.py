"""Everything that a server holds, in numbers that another server with the same data must reproduce.

Rows and the server's own CHECKSUM TABLE for each table, which reads every page; the accounts and their rights; the
definitions of views, routines, triggers and events. Only for servers of one version: CHECKSUM TABLE depends on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from mysqlops import errors
from mysqlops.mysql import account_statements, comparison, connect, wire_text

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
_VIEW_COLUMNS = (
    "SELECT table_schema, table_name, column_name, column_type FROM information_schema.views "
    "JOIN information_schema.columns USING (table_schema, table_name) "
    "ORDER BY table_schema, table_name, ordinal_position"
)
# The format of a record. 2: a program's text counts with the spaces that the mysql client adds next to comments, and so
# a copy which it has loaded differs. 1: until 2026-11, `a.b` may be two tables, and digests are weak
# (comparison.contents_as_before). Such a record can be compared only in its own way, which is better than not at all:
# these backups stay as good as they were. An older program may report a backup of this version as different; nothing is
# lost by that.
BEFORE, SPACED, VERSION = 1, 2, 3
CHECKSUM_END = comparison.DIGEST_END  # larger than any CHECKSUM TABLE, which has 32 bits
_NOT_COUNTED_BEFORE = (*comparison.SYSTEM, "ndbinfo")  # nor `Sys`, which is a user's database


@dataclass(frozen=True)
class Table:
    rows: int
    checksum: int | None  # below CHECKSUM_END; None if it was not asked for


@dataclass(frozen=True)
class Contents:
    """`tables` by `database.table`, `programs` by kind and name; rights are tables of the schema mysql."""

    tables: dict[str, Table]
    rights: dict[str, Table]
    programs: dict[str, str]
    version: int = VERSION

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def load(found: Any) -> Contents:
    """The inverse of as_json; raises StorageError for what is not its result."""
    try:
        kinds = {kind: {name: Table(**one) for name, one in found[kind].items()} for kind in ("tables", "rights")}
        return Contents(kinds["tables"], kinds["rights"], dict(found["programs"]), int(found.get("version", BEFORE)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise errors.StorageError(f"the record of a backup's contents cannot be read: {error}") from error


def of(server: connect.Server, say: Callable[[str], None], *, with_checksums: bool, version: int = VERSION) -> Contents:
    """Reads everything; raises StatementFailed with the table that cannot be read."""
    comparison.fix_session(server)
    tables = _tables(server, say, version, lambda database, table: _table(server, database, table, with_checksums))
    rights = {name: _table(server, "mysql", name, with_checksums=True) for name in _RIGHTS}
    return Contents(tables, rights, _programs(server, version), version)


def of_any_version(server: connect.Server, say: Callable[[str], None], version: int = VERSION) -> Contents:
    """The same in numbers that do not depend on the server's version; accounts as the statements that create them.
    After that, no other connection is accepted (account_statements.read)."""
    if version == BEFORE:
        read = comparison.contents_as_before
    else:
        read = comparison.contents
        comparison.fix_session(server)
    found = _tables(server, say, version, lambda database, table: _counted(read(server, database, table)))
    # The server rewrites a view's text when it is loaded: only its columns can be compared.
    views = _views(server, version)
    programs = {name: views.get(name, text) for name, text in _programs(server, version).items()}
    made = {f"account {name}": _hash("\n".join(lines)) for name, lines in account_statements.read(server).items()}
    return Contents(found, {}, programs | made, version)


def of_whatever_version(found: Contents) -> Contents:
    """The part that a newer server must reproduce from the same data: an upgrade grants new rights, and checksums
    depend on the server (CHECKSUM TABLE); rows and names stay."""
    return Contents(
        {name: Table(table.rows, None) for name, table in found.tables.items()},
        {},
        dict.fromkeys(found.programs, ""),
        found.version,
    )


def _tables(
    server: connect.Server, say: Callable[[str], None], version: int, read: Callable[[str, str], Table]
) -> dict[str, Table]:
    connect.set_read_timeout(server, _READ_SECONDS)
    found = {}
    for database in comparison.databases(server):
        if version == BEFORE and database.lower() in _NOT_COUNTED_BEFORE:
            continue
        for table in comparison.tables(server, database):
            name = _named(version, database, table)
            say(f"reading {name}")
            found[name] = read(database, table)
    return found


def _named(version: int, database: str, name: str) -> str:
    """Database and name in one unambiguous line."""
    if version == BEFORE:
        return f"{database}.{name}"
    return ".".join(part if part.isidentifier() else json.dumps(part) for part in (database, name))


def _table(server: connect.Server, database: str, table: str, with_checksums: bool) -> Table:
    name = comparison.quoted(database, table)
    rows = int(server.scalar(f"SELECT COUNT(*) FROM {name}"))  # noqa: S608 (quoted)
    checksum = server.query(f"CHECKSUM TABLE {name}")[0][1] if with_checksums else None
    return Table(rows, None if checksum is None else int(checksum))


def _counted(found: comparison.Contents) -> Table:
    return Table(found.rows, found.digest)


def _views(server: connect.Server, version: int) -> dict[str, str]:
    """Each view's columns; in version 1, as many as GROUP_CONCAT returned."""
    columns: dict[str, list[str]] = {}
    for database, view, column, kind in server.query(_VIEW_COLUMNS):
        columns.setdefault(f"view {_named(version, database, view)}", []).append(f"{column} {kind}")
    limit = int(server.scalar("SELECT @@group_concat_max_len")) if version == BEFORE else None
    return {view: _hash(",".join(found).encode()[:limit].decode(errors="ignore")) for view, found in columns.items()}


def _programs(server: connect.Server, version: int) -> dict[str, str]:
    found = {}
    skipped = _NOT_COUNTED_BEFORE if version == BEFORE else comparison.SYSTEM
    for query in _DEFINITIONS:
        for kind, database, name, text in server.query(query):
            if (str(database).lower() if version == BEFORE else database) not in skipped:
                seen = str(text) if version <= SPACED else str(text).replace(" ", "")
                found[f"{str(kind).lower()} {_named(version, database, name)}"] = _hash(seen)
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(wire_text.encode(text)).hexdigest()[:16]


def differences(recorded: Contents, found: Contents) -> list[str]:
    """The differences, each in a few words."""
    differences = []
    for kind in ("tables", "rights", "programs"):
        before: dict[str, Any] = getattr(recorded, kind)
        after: dict[str, Any] = getattr(found, kind)
        differences += [f"{name} is missing" for name in sorted(before.keys() - after.keys())]
        differences += [f"{name} is new" for name in sorted(after.keys() - before.keys())]
        differences += [
            f"{name}: {_show(after[name])} instead of {_show(before[name])}"
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        ]
    return differences


def _show(one: Table | str) -> str:
    return one if isinstance(one, str) else f"{one.rows} rows, checksum {one.checksum}"
