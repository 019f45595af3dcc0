"""The accounts of a foreign server, and statements that create them here.

They are read from its grant tables as values, and every statement is built from these: no text that the other server
wrote is ever executed. So the server's version does not matter either (SHOW CREATE USER can print hashes in hex only
since 8.0.17). https://dev.mysql.com/doc/refman/8.4/en/grant-tables.html
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mysqlops import errors
from mysqlops.core import adoption, names, typed
from mysqlops.mysql import accounts, comparison, connect
from mysqlops.mysql import foreign_clauses as clauses

Row = dict[str, Any]
_text = clauses.text
_WORDS = re.compile(r"[A-Za-z]+([ _][A-Za-z]+)*")
_OTHERWISE = {
    "SHOW DB": "SHOW DATABASES",
    "CREATE TMP TABLE": "CREATE TEMPORARY TABLES",
    "REPL SLAVE": "REPLICATION SLAVE",
    "REPL CLIENT": "REPLICATION CLIENT",
}
_GRANT = {"GRANT", "GRANT OPTION"}
# On *.*; any other global right reads or changes more than the application's data: password hashes, agents' tables.
_HARMLESS = {"PROCESS", "REPLICATION CLIENT", "SHOW DATABASES"}
_OWN = ("mysql", "mysqlops", "sys")


@dataclass
class Account:
    """One account; `administrative` lists what makes it more than an application's account, `reaches` each database or
    pattern of databases on which it has rights, with the statement's text."""

    user: str
    host: str
    create: str = ""
    grants: list[str] = field(default_factory=list)
    roles: list[tuple[str, str, bool]] = field(default_factory=list)  # user, host, admin option
    default_roles: list[str] = field(default_factory=list)
    administrative: list[str] = field(default_factory=list)
    reaches: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    unfit: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"

    @property
    def quoted(self) -> str:
        return _account(self.user, self.host)


def read(server: connect.Server) -> list[Account]:
    """All accounts except MySQL's own."""
    found = Found()
    for row in _rows(server, "user"):
        one = Account(_text(row["user"]), _text(row["host"]))
        if not one.user.startswith("mysql."):
            found[one.user, one.host] = one
            try:
                _describe(one, row)
            except (AttributeError, TypeError, ValueError):
                one.unfit = "its row in mysql.user is not in MySQL's format"
    for owner, level, rights in _rights(server, found):
        _grant(owner, level, rights)
    for row in _rows(server, "role_edges"):
        _give_role(found.of(row, "to_"), row)
    for row in _rows(server, "default_roles"):
        role = _account(_text(row["default_role_user"]), _text(row["default_role_host"]))
        found.of(row).default_roles.append(role)
    for row in _rows(server, "proxies_priv"):
        found.of(row).left_out.append("PROXY")
    return list(found.values())


class Found(dict[tuple[str, str], Account]):
    """By user and host."""

    def of(self, row: Row, prefix: str = "") -> Account:
        """The account that a row of rights belongs to; a placeholder if the account was dropped without the row."""
        key = _text(row[f"{prefix}user"]), _text(row[f"{prefix}host"])
        return self.get(key) or Account(*key)


def existing(server: connect.Server) -> set[tuple[str, str]]:
    return {(_text(user), _text(host)) for user, host in server.query("SELECT user, host FROM mysql.user")}


def why_not(
    one: Account, existing: set[tuple[str, str]], named: Sequence[str], kept: Collection[str] = ()
) -> str | None:
    """Why an account is not copied. `kept` are the cluster's databases that do not come from the source: rights on the
    source's database of that name say nothing about them."""
    if one.user in ("root", names.USER_APP) or one.user.startswith("mysqlops") or (one.user, one.host) in existing:
        return "the cluster has its own, which stays"
    if not one.user:
        return "an anonymous account would take precedence over others from its hosts"
    if one.unfit or not adoption.is_plain(one.user + one.host):
        return one.unfit or "its name holds control characters"
    rights = list(dict.fromkeys([*one.administrative, *_reaching(one, kept)]))
    if rights and one.user not in named and str(one) not in named:
        more = [f"{len(rights) - 5} more"] if len(rights) > 5 else []
        return (
            f"it administers ({', '.join([*rights[:5], *more])}): --account {shlex.quote(str(one))} copies it as well"
        )
    return None


def beyond(one: Account, kept: Collection[str]) -> list[str]:
    """What it may do besides using databases that are not among `kept`; roles may hold anything."""
    return list(dict.fromkeys([*one.administrative, *_reaching(one, kept), *(["a role"] if one.roles else [])]))


def _reaching(one: Account, kept: Collection[str]) -> Iterator[str]:
    for database, what in one.reaches.items():
        if any(_matches(name, database) for name in kept):
            yield f"rights on {what}, where the cluster has a database of its own"


def create(server: connect.Server, chosen: Sequence[Account]) -> list[str]:
    """Create all accounts, then rights, then roles; returns what the server refused, with the reason."""
    refused, made = [], []
    for account in chosen:
        try:
            server.execute_secret(account.create, f"CREATE USER {account.quoted}")
            made.append(account)
        except errors.StatementFailed as error:
            refused.append(f"{account}: {error}")
    known = {account.quoted for account in made}
    for account in made:
        roles = [(_account(*role), on) for *role, on in account.roles]
        # A role of the same name here is another account, maybe root.
        refused += [f"{account}: the role {role} is not copied" for role, _ in roles if role not in known]
        given = [f"GRANT {role} TO {account.quoted}{_ADMIN * on}" for role, on in roles if role in known]
        defaults = [role for role in account.default_roles if role in known]
        default = [f"ALTER USER {account.quoted} DEFAULT ROLE {', '.join(defaults)}"] if defaults else []
        refused += [f"{account}: {what} is not copied" for what in account.left_out]
        for statement in (*account.grants, *given, *default):
            try:
                server.query(statement)
            except errors.MysqlError as error:
                refused.append(f"{account}: {error}")
    return refused


_ADMIN = " WITH ADMIN OPTION"


def _give_role(one: Account, row: Row) -> None:
    on = _text(row["with_admin_option"]) == "Y"
    one.roles.append((_text(row["from_user"]), _text(row["from_host"]), on))
    one.administrative += ["ADMIN OPTION of a role"] * on


def _describe(one: Account, row: Row) -> None:
    text = _text(row.get("user_attributes"))
    attributes = {} if text in ("", "null") else typed.json_of(text)
    if not isinstance(attributes, dict):  # partial revokes may be among what cannot be read
        raise TypeError("user_attributes")
    one.left_out += ["its second password"] * ("additional_password" in attributes)
    if "Restrictions" in attributes:
        one.unfit = "it has partial revokes, without which it would get more rights than it has"
        return
    plugin, secret = _text(row["plugin"]), _text(row["secret"])
    locked, expired = (_text(row.get(key)) == "Y" for key in ("account_locked", "password_expired"))
    if not re.fullmatch(r"\w+", plugin, re.ASCII) or not re.fullmatch(r"[0-9A-F]*", secret):
        one.unfit = f"its plugin is {plugin!r}"
        return
    if locked and expired and not secret:
        one.create = f"CREATE ROLE {one.quoted}"
        return
    if not secret and not locked:
        one.administrative.append("no password")
    identified = f"IDENTIFIED WITH {accounts.quote(plugin)}" + (f" AS 0x{secret}" if secret else "")
    parts = [f"CREATE USER {one.quoted} {identified} REQUIRE {clauses.tls(row)}"]
    parts += [*clauses.limits(row), *clauses.policy(row, attributes)]
    one.create = " ".join([*parts, *["PASSWORD EXPIRE"] * expired, *["ACCOUNT LOCK"] * locked])


def _rights(server: connect.Server, found: Found) -> Iterator[tuple[Account, tuple[str, str], list[str]]]:
    """The account, the object (a database's name or pattern, and the statement's text), and its rights."""
    everywhere = ("", "*.*")
    for row in _rows(server, "user"):
        yield from _of(found, row, everywhere, _columns(row))
    for row in _rows(server, "global_grants"):
        priv, on = _text(row["priv"]), ["GRANT"] * (_text(row["with_grant_option"]) == "Y")
        yield from _of(found, row, everywhere, [priv, *on] if re.fullmatch("[A-Z_]+", priv) else [])
    for row in _rows(server, "db"):
        yield from _of(found, row, (_text(row["db"]), f"{comparison.quoted(_text(row['db']))}.*"), _columns(row))
    for row in _rows(server, "tables_priv"):
        database, table = _text(row["db"]), _text(row["table_name"])
        yield from _of(found, row, (database, comparison.quoted(database, table)), _set(row["table_priv"]))
    for row in _rows(server, "columns_priv"):
        database, table = _text(row["db"]), _text(row["table_name"])
        column = comparison.quoted(_text(row["column_name"]))
        rights = [f"{right} ({column})" for right in _set(row["column_priv"])]
        yield from _of(found, row, (database, comparison.quoted(database, table)), rights)
    for row in _rows(server, "procs_priv"):
        database, kind = _text(row["db"]), _text(row["routine_type"])
        if kind in ("FUNCTION", "PROCEDURE"):
            what = f"{kind} {comparison.quoted(database, _text(row['routine_name']))}"
            yield from _of(found, row, (database, what), _set(row["proc_priv"]))


def _of(
    found: Found, row: Row, level: tuple[str, str], rights: list[str]
) -> Iterator[tuple[Account, tuple[str, str], list[str]]]:
    if rights:
        yield found.of(row), level, rights


def _grant(one: Account, level: tuple[str, str], rights: list[str]) -> None:
    database, what = level
    plain = [right for right in rights if right not in _GRANT]
    on = len(plain) < len(rights)
    option = " WITH GRANT OPTION" if on else ""
    one.grants.append(f"GRANT {', '.join(plain) or 'USAGE'} ON {what} TO {one.quoted}{option}")
    one.administrative += [right for right in plain if what == "*.*" and right not in _HARMLESS]
    one.administrative += ["GRANT OPTION"] * on
    if database:
        one.reaches.setdefault(database, what)
    if database and any(_matches(own, database) for own in _OWN):
        one.administrative.append(f"rights on {what}")


def _matches(name: str, pattern: str) -> bool:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return (
        re.fullmatch("".join(wild.get(part, re.escape(part[-1])) for part in parts), name, re.I | re.DOTALL) is not None
    )


def _columns(row: Row) -> list[str]:
    """The rights of the set columns: SELECT for Select_priv, and so on."""
    given = [key.removesuffix("_priv") for key, value in row.items() if key.endswith("_priv") and _text(value) == "Y"]
    return _named(given)


def _set(value: Any) -> list[str]:
    return _named(_text(value).split(","))


def _named(words: Sequence[str]) -> list[str]:
    known = [word.replace("_", " ").upper() for word in words if _WORDS.fullmatch(word)]
    return [_OTHERWISE.get(right, right) for right in known]


def _rows(server: connect.Server, table: str) -> list[Row]:
    """The rows of a table of the schema mysql, by lower-case column; none if this version has no such table. A
    password's hash is in hex, as `secret`."""
    known = server.query(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'mysql' AND table_name = %s "
        "ORDER BY ordinal_position",
        [table],
    )
    columns = [_text(name).lower() for (name,) in known]
    if not columns:
        return []
    listed = ", ".join(comparison.quoted(name) for name in columns)
    if table == "user":
        columns.append("secret")
        listed += ", HEX(authentication_string)"
    rows = server.query(f"SELECT {listed} FROM {comparison.quoted('mysql', table)}")  # noqa: S608 (names are quoted)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _account(user: str, host: str) -> str:
    return f"{accounts.quote(user)}@{accounts.quote(host)}"
