"""The source and the target of an adoption, as far as its statements go: what either holds and takes, in memory.

A statement that nobody here knows ends the test. `fail` names the beginning of one that fails from then on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

from mysqlops import errors

Rows = list[tuple[Any, ...]]
_AFTER = {"procedure": " () BEGIN END", "event": " ON SCHEDULE EVERY 1 DAY DO SELECT 1"}


class Sql:
    """One server; every connection to it is the same object."""

    def __init__(self, **databases: dict[str, int]) -> None:
        self.databases = databases  # database -> table -> rows
        self.programs: dict[str, list[tuple[str, ...]]] = {}  # database -> kind, name and digest
        self.foreign_keys: Rows = []  # table, and the other table's database
        self.read_only = self.super_read_only = False
        self.adopted: dict[str, str] = {}
        self.adopting: dict[str, list[Any]] = {}  # source -> job, stopped_by, read_only
        self.accounts = {("mysqlops_adopt", "%")}
        self.where, self.version, self.engine, self.fail, self.errno = "fake", "8.0.36", "InnoDB", "", 0
        self.comment, self.has_uuid = "MySQL Community Server - GPL", True
        self.is_down = False
        self.executed = "g:1-5"
        self.turn: Callable[[str], None] = lambda _: None  # before each statement: what somebody else does meanwhile
        self.log: list[str] = []

    def __enter__(self) -> Sql:
        return self

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None: ...

    def scalar(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        return self.query(sql, parameters)[0][0]

    def execute_secret(self, sql: str, _: str) -> None:
        self.query(sql)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        self.log.append(sql)
        self.turn(sql)
        if self.fail and sql.startswith(self.fail):
            raise errors.StatementFailed(f"{sql[:30]} failed", errno=self.errno)
        for answer in (self._settings, self._accounts, self._definitions, self._standing, self._notes, self._schema):
            if (found := answer(sql, parameters)) is not None:
                return found
        raise AssertionError(f"no model knows {sql} {parameters}")

    def _settings(self, sql: str, _: Sequence[Any]) -> Rows | None:
        match sql.split():
            case ["SET", "GLOBAL", name, "=", value]:
                if name == "super_read_only":
                    self.super_read_only = value == "ON"
                    self.read_only = self.read_only or self.super_read_only
                else:
                    self.read_only = value == "ON"
                return []
            case ["SET", "SESSION" | "NAMES", *_] | ["CREATE", "TABLE", *_] | ["USE", _] | ["SHOW", "COLUMNS", *_]:
                return []
            case ["SELECT", "@@version,", "@@version_comment"]:
                return [(self.version, self.comment)]
            case ["SHOW", "GLOBAL", "VARIABLES", "LIKE", "'server_uuid'"]:
                return [("server_uuid", "a")] if self.has_uuid else []
            case ["SELECT", "@@global.read_only,", "@@global.super_read_only"]:
                return [(int(self.read_only), int(self.super_read_only))]
        return None

    def _accounts(self, sql: str, _: Sequence[Any]) -> Rows | None:
        match sql.split():
            case ["CREATE" | "ALTER", "USER", *_] | ["GRANT", *_]:
                return []
            case ["SELECT", "JSON_OBJECT('until',", *_]:
                return [('{"until": 1}',)]
            case ["DROP", "USER", *_]:
                self.accounts = {one for one in self.accounts if one[0] not in sql}
                return []
        return None

    def _definitions(self, sql: str, _: Sequence[Any]) -> Rows | None:
        match sql.split():
            case ["DROP", "DATABASE", *_]:
                self.databases.pop(sql.split("`")[1], None)
            case ["CREATE", "DATABASE", *_]:
                self.databases[sql.split("`")[1]] = {}
            case ["SHOW", "CREATE", "view", what]:
                return [("", f"CREATE DEFINER=`a`@`b` SQL SECURITY DEFINER VIEW {what} AS select 1", "", "utf8mb4_bin")]
            case ["SHOW", "CREATE", kind, what]:
                text = f"CREATE DEFINER=`a`@`b` {kind} {what}{_AFTER[kind]}"
                return [("", "", *(["SYSTEM"] if kind == "event" else []), text, "utf8mb4", "utf8mb4_bin")]
            case ["CREATE", "OR", "REPLACE", *_]:
                _, database, _, name, _ = sql.partition(" VIEW ")[2].split("`")
                mine = self.programs.setdefault(database, [])
                mine[:] = [one for one in mine if one[:2] != ("view", name)] + [("view", name, "")]
            case ["CREATE", _, kind, what, *_]:
                self.programs.setdefault(what.split("`")[1], []).append((kind, what.split("`")[3], "digest"))
            case ["DROP", "EVENT", *_]:
                self.programs[sql.split("`")[1]].remove(("event", sql.split("`")[3], "digest"))
            case _:
                return None
        return []

    def _standing(self, sql: str, _: Sequence[Any]) -> Rows | None:
        match sql.split():
            case ["SELECT", "@@global.gtid_executed"]:
                return [(self.executed,)]
            case ["SHOW", "BINARY", "LOG", "STATUS"]:
                raise errors.StatementFailed("an older server does not know it", errno=1064)
            case ["SHOW", _, "STATUS"]:
                return [("binlog.000001", len(self.executed), "", "", self.executed)]
        return None

    def _notes(self, sql: str, of: Sequence[Any]) -> Rows | None:
        source = of[0] if of else ""
        if sql.startswith("SELECT job FROM mysqlops.adopting"):
            return [(self.adopting[source][0],)] if source in self.adopting else []
        if sql.startswith("SELECT stopped_by, read_only"):
            return [tuple(self.adopting[source][1:])] if source in self.adopting else []
        if sql.startswith("SELECT name FROM mysqlops.adopted"):
            return [(name,) for name, by in self.adopted.items() if by == source]
        return [] if self._noted(sql, of) else None

    def _noted(self, sql: str, of: Sequence[Any]) -> bool:
        if sql.startswith("INSERT INTO mysqlops.adopting"):
            self.adopting[of[0]] = [of[1], *self.adopting.get(of[0], [None, None, None])[1:]]
        elif sql.startswith("UPDATE mysqlops.adopting SET stopped_by = NULL"):
            row = self.adopting.get(of[0], ["", None, None])
            row[:2] = [f"{row[0].rstrip('!')}!", None]
        elif sql.startswith("UPDATE mysqlops.adopting SET job"):
            if self.adopting.get(of[1], [""])[0] == of[2]:
                self.adopting[of[1]][0] = of[0]
        elif sql.startswith("UPDATE mysqlops.adopting"):
            self.adopting[of[2]][1:] = [of[0], of[1]]
        elif sql.startswith("REPLACE INTO mysqlops.adopted"):
            self.adopted[of[0]] = of[1]
        elif sql.startswith("DELETE FROM mysqlops.adopted"):
            is_current = self.adopting.get(of[1], [""])[0] == of[2]
            self.adopted = {name: by for name, by in self.adopted.items() if by != of[0] or not is_current}
        else:
            return False
        return True

    def _schema(self, sql: str, of: Sequence[Any]) -> Rows | None:
        tables = self.databases.get(of[0], {}) if of else {}
        named: Rows = [(name,) for name in tables]
        known: list[tuple[str, Rows]] = [
            ("SELECT name FROM mysql.time_zone_name", []),
            ("SELECT default_character_set_name", [("utf8mb4", "utf8mb4_bin")]),
            ("SELECT schema_name", [(name,) for name in ("mysql", *self.databases)]),
            ("SELECT table_name, engine", [(name, self.engine) for name in tables]),
            ("SELECT table_name FROM information_schema.tables", named),
            ("SELECT DISTINCT table_name, referenced_table_schema", self.foreign_keys),
            ("SELECT DISTINCT table_name", named),
            ("SELECT column_name, data_type", [("id", "int")]),
            ("SELECT user, host FROM mysql.user", [*sorted(self.accounts)]),
            ("SELECT column_name FROM information_schema", []),
            ("SELECT table_name FROM information_schema.views", [(row[1],) for row in self._programs("view", of)]),
            ("SELECT 'view'", self._programs("view", of)),
            ("SELECT 'event'", self._programs("event", of)),
            ("SELECT LOWER(routine_type)", self._programs("procedure", of)),
        ]
        if sql.startswith("SELECT COUNT(*), COUNT(SHA2"):
            return self._contents(sql)
        found = next((rows for beginning, rows in known if sql.startswith(beginning)), None)
        return [] if found is None and " FROM information_schema." in sql else found

    def _programs(self, kind: str, of: Sequence[Any]) -> Rows:
        return [row for row in self.programs.get(of[0] if of else "", []) if row[0] == kind]

    def _contents(self, sql: str) -> Rows:
        _, database, _, table, _ = sql.rpartition(" FROM ")[2].split("`")
        if table not in self.databases.get(database, {}):
            raise errors.StatementFailed(f"{database}.{table} does not exist", errno=1146)
        rows = self.databases[database][table]
        return [(rows, rows, zlib.crc32(table.encode()) * rows, rows)]
