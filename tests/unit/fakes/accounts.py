"""A server's accounts: mysql.user as the agent reads it, and what its statements do to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mysqlops import errors
from mysqlops.mysql import accounts, connect, own_accounts, password_hash

_NAME = r"'(\w+)'@'([^']+)'"
_SETS = re.compile(rf"{_NAME} IDENTIFIED BY '([^']*)'( RETAIN CURRENT PASSWORD)?")


@dataclass
class Row:
    passwords: list[str]  # the current one first
    ssl: str = ""
    locked: str = "N"
    expired: str = "N"
    lifetime: int | None = 0
    grants: list[str] = field(default_factory=list)

    def shown(self) -> connect.Row:
        current, *older = [password_hash.native(one) for one in self.passwords]
        return (self.ssl, self.locked, self.expired, self.lifetime, current, older[0] if older else None)


class Server(connect.Server):
    """Every account as mysqlops makes it, with the password that `passwords` has under its key."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self.users: dict[tuple[str, str], Row] = {}
        self.done: list[str] = []
        self.has_probe, self.is_obstinate, self.is_gone, self.is_closed = True, False, False, False
        for one in (*accounts.ALWAYS, accounts.LOOPBACK, accounts.BACKUP):
            if password := passwords.get(one.key):
                row = self.users[one.user, one.host] = Row([password], "ANY" if one.requirement() else "")
                row.grants = [text.replace("ALL ON *.*", own_accounts.ALL) for text in one.grants()]

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        if self.is_gone:
            raise errors.ConnectFailed("server has gone away")
        if "SELECT ssl_type" in sql:
            row = self.users.get((parameters[0], parameters[1]))
            return [row.shown()] if row else []
        if sql.startswith("SELECT user, host"):
            return [one for one, row in self.users.items() if len(row.passwords) > 1]
        if sql.startswith("SHOW GRANTS FOR"):
            return [(text,) for text in self._of(sql).grants]
        if "information_schema.tables" in sql:
            return [(int(self.has_probe),)]
        if sql.startswith("SELECT 1 FROM mysql.user"):
            return [(1,)] if (parameters[0], parameters[1]) in self.users else []
        if sql != "DO 1":
            self.execute_secret(sql, sql)
        return []

    def execute_secret(self, sql: str, what: str) -> None:
        self.done.append(what)
        if self.is_obstinate:
            return
        if sql in accounts.PROBE_OBJECTS:
            self.has_probe = True
        elif sql.startswith("GRANT"):
            self._of(sql).grants.append(sql.replace("ALL ON *.*", own_accounts.ALL))
        else:
            self._change(sql)

    def _change(self, sql: str) -> None:
        for user, host, password, retains in _SETS.findall(sql):
            row = self.users.get((user, host))
            if row is None and sql.startswith("CREATE USER"):
                self.users[user, host] = Row([password])
            elif row is not None and not sql.startswith("CREATE USER"):
                row.passwords = [password, *(row.passwords[:1] if retains else row.passwords[1:])]
        if " IDENTIFIED " not in sql:
            row = self._of(sql)
            if "DISCARD OLD PASSWORD" in sql:
                row.passwords = row.passwords[:1]
            if "ACCOUNT UNLOCK" in sql:
                row.locked, row.expired, row.lifetime = "N", "N", 0
                row.ssl = "ANY" if "REQUIRE SSL" in sql else row.ssl

    def _of(self, sql: str) -> Row:
        found = re.search(_NAME, sql)
        assert found is not None, sql
        return self.users[found[1], found[2]]

    def close(self) -> None:
        self.is_closed = True
