"""The accounts of a member, as the statements that create them.

They are created identically on every member before it first joins (account_files.py), outside the binary log, so no
transaction contains them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from mysqlops import errors
from mysqlops.core import names
from mysqlops.mysql import connect, password_hash

_PROVIDING = ("CREATE USER IF NOT EXISTS", "ALTER USER")
# These accounts are given passwords that they have or had before, which a site's password_history would refuse (error
# 3638), and nobody would change one that default_password_lifetime expires.
FREE = "PASSWORD EXPIRE NEVER PASSWORD HISTORY 0 PASSWORD REUSE INTERVAL 0 DAY"
_TOO_WEAK = 1819  # validate_password, or a component like it
NATIVE = "mysql_native_password"
PROBE_OBJECTS = (
    "CREATE DATABASE IF NOT EXISTS mysqlops",
    "CREATE TABLE IF NOT EXISTS mysqlops.probe"
    " (id INT PRIMARY KEY, token VARCHAR(64), written_at TIMESTAMP(6) NOT NULL) ENGINE = InnoDB",
)
Identified = Callable[[str], str]  # the text after IDENTIFIED for a password
_DUMP_RIGHTS = "SELECT, SHOW VIEW, TRIGGER, EVENT"


def quote(text: str) -> str:
    """A string literal; under NO_BACKSLASH_ESCAPES only correct for text without backslashes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True)
class Account:
    """One account, the Secret's key of its password, and its rights."""

    user: str
    host: str
    key: str
    rights: tuple[str, ...] = ()
    connections: int = 0  # at most that many at once; 0: no limit of its own

    def requirement(self) -> str:
        return "" if self.host == "localhost" else "REQUIRE SSL "

    def clauses(self) -> str:
        """What follows its password in CREATE USER and ALTER USER."""
        limit = f"WITH MAX_USER_CONNECTIONS {self.connections} " if self.connections else ""
        return f"{self.requirement()}{limit}{FREE}"

    def grants(self) -> list[str]:
        suffix = " WITH GRANT OPTION" if self.user == names.USER_ADMIN else ""
        return [f"GRANT {rights} TO {self}{suffix}" for rights in self.rights]

    def __str__(self) -> str:
        return f"{quote(self.user)}@{quote(self.host)}"


ROOT = Account("root", "localhost", names.KEY_ROOT_PASSWORD)
ADMIN = Account(names.USER_ADMIN, "localhost", names.KEY_ADMIN_PASSWORD, ("ALL ON *.*",))
# The same account for the administrative interface, which uses TCP; older clusters get it later (provide_loopback).
LOOPBACK = Account(names.USER_ADMIN, connect.LOOPBACK, names.KEY_ADMIN_PASSWORD, ADMIN.rights)
REPLICATION = Account(
    names.USER_REPLICATION,
    "%",
    names.KEY_REPLICATION_PASSWORD,
    ("REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.*",),
)
PROBE = Account(names.USER_PROBE, "%", names.KEY_PROBE_PASSWORD, ("SELECT, INSERT, UPDATE, DELETE ON mysqlops.*",))
APP = Account(names.USER_APP, "%", names.KEY_APP_PASSWORD, (f"ALL ON {names.DATABASE_APP}.*",))
BACKUP = Account(  # only where backups are made
    names.USER_BACKUP,
    "%",
    names.KEY_BACKUP_PASSWORD,
    ("REPLICATION SLAVE, BACKUP_ADMIN ON *.*", "SELECT ON performance_schema.*"),
)
# By the socket of its own pod. It reads no table of the users, and no statement: that needs PROCESS. An exporter opens
# a connection for each scrape, and everybody who reaches its port may scrape.
EXPORTER = Account(
    names.USER_EXPORTER,
    "localhost",
    names.KEY_EXPORTER_PASSWORD,
    (
        "REPLICATION CLIENT ON *.*",
        "SELECT ON performance_schema.replication_group_members",
        "SELECT ON performance_schema.replication_group_member_stats",
    ),
    connections=3,
)
ALWAYS = (ROOT, ADMIN, REPLICATION, PROBE, APP)
OURS = (ADMIN, REPLICATION, PROBE)  # nobody else uses them: dropping one is always a mistake


def keys_of(one: Account) -> tuple[str, ...]:
    """The Secret's keys of its passwords, those of a rotation among them."""
    return one.key, names.next_key(one.key), names.previous_key(one.key)


def add_password(server: connect.Server, one: Account, password: str) -> None:
    """Add a new password to the account's current one; both are accepted. Does nothing if the account was dropped: the
    other accounts' passwords must change anyway."""
    _alter(server, one, password, "RETAIN CURRENT PASSWORD")


def keep_only(server: connect.Server, one: Account, password: str) -> None:
    """Accept only this password from now on. Which one a member considers old depends on the order in which it received
    the two, so DISCARD alone could keep the wrong one."""
    _alter(server, one, password, "")
    for account in _with_twin(one):
        if server.query("SELECT 1 FROM mysql.user WHERE user = %s AND host = %s", [account.user, account.host]):
            server.query(f"ALTER USER {account} DISCARD OLD PASSWORD")


def accept_both(server: connect.Server, one: Account, passwords: Mapping[str, str]) -> None:
    """Let a member whose data is older than the open rotation accept both passwords, without writing a transaction."""
    server.query("SET sql_log_bin = OFF")
    for statement, password in both(one, passwords, "ALTER USER"):
        set_password(server, one, password, statement)
    server.query("SET sql_log_bin = ON")


def with_two_passwords(server: connect.Server, of: Collection[Account]) -> list[Account]:
    """The accounts that accept a second password."""
    rows = server.query(
        "SELECT user, host FROM mysql.user WHERE JSON_EXTRACT(user_attributes, '$.additional_password') IS NOT NULL"
    )
    found = {(str(user), str(host)) for user, host in rows}
    return [account for account in of if (account.user, account.host) in found]


def _alter(server: connect.Server, one: Account, password: str, clause: str) -> None:
    each = ", ".join(f"{account} IDENTIFIED {{0}} {clause}" for account in _with_twin(one))
    set_password(server, one, password, f"ALTER USER IF EXISTS {each} {FREE}")


def set_password(server: connect.Server, one: Account, password: str, statement: str) -> None:
    """Run a statement with an account's password in place of {}. If the password does not satisfy the site's policy,
    the statement passes the hash instead, which the server does not check."""
    try:
        server.execute_secret(statement.format(in_clear(password)), statement.format("BY …"))
    except errors.StatementFailed as error:
        found = server.query("SELECT plugin FROM mysql.user WHERE user = %s AND host = %s", [one.user, one.host])
        plugin = str(found[0][0]) if found else "caching_sha2_password"
        if error.errno != _TOO_WEAK or plugin not in _HASHED:
            raise
        server.execute_secret(statement.format(_HASHED[plugin](password)), statement.format(f"WITH {plugin} AS …"))


def _with_twin(one: Account) -> tuple[Account, ...]:
    """Both of the agent's accounts, which share one password and are changed by one statement."""
    return (one, LOOPBACK) if one == ADMIN else (one,)


def provide_loopback(server: connect.Server, passwords: Mapping[str, str]) -> None:
    """Create the account for the administrative interface, or recreate it, with the rights and passwords of the other
    one. Runs on the primary; the group replicates it."""
    server.query(f"DROP USER IF EXISTS {LOOPBACK}")
    for statement, password in both(LOOPBACK, passwords, "CREATE USER"):
        set_password(server, LOOPBACK, password, statement)
    server.query(f"ALTER USER {LOOPBACK} REQUIRE SSL")
    own, new = f"TO `{ADMIN.user}`@`{ADMIN.host}`", f"TO {LOOPBACK}"
    for (grant,) in server.query(f"SHOW GRANTS FOR {ADMIN}"):
        server.query(str(grant).replace(own, new))


def in_clear(password: str) -> str:
    return f"BY {quote(password)}"


@cache
def as_hash(password: str) -> str:
    """The hash for a file: a reader learns no password, and the site's password policy does not apply."""
    return f"WITH caching_sha2_password AS {quote(password_hash.of(password))}"


def as_native_hash(password: str) -> str:
    return f"WITH {NATIVE} AS '{password_hash.native(password)}'"


def both(one: Account, passwords: Mapping[str, str], verb: str) -> list[tuple[str, str]]:
    """The statements that set an account's password, and during an open rotation the previous one too.

    The previous one comes last and so becomes the current one: if the rotation's own ALTER USER … RETAIN CURRENT
    PASSWORD is replicated to this member later, it retains the previous one, and not the new one twice.
    """
    lines = [(f"{verb} {one} IDENTIFIED {{}} {FREE}", passwords[one.key])]
    if previous := passwords.get(names.previous_key(one.key)):
        lines.append((f"ALTER USER IF EXISTS {one} IDENTIFIED {{}} RETAIN CURRENT PASSWORD {FREE}", previous))
    return lines


def create_temporary(server: connect.Server, user: str, password: str, seconds: int) -> None:
    """Create an account with all rights, over TLS only; drop_expired drops it once it has expired."""
    account = provide(server, user, password, seconds)
    server.query(f"GRANT ALL ON *.* TO {account} WITH GRANT OPTION")


def provide(server: connect.Server, user: str, password: str, seconds: int) -> str:
    """Create an account without rights, over TLS only, that expires; return its name in statements."""
    account = _provide(server, user, password)
    until = f"JSON_OBJECT('until', UNIX_TIMESTAMP() + {seconds})"
    server.query(f"ALTER USER {account} ATTRIBUTE {quote(str(server.scalar(f'SELECT {until}')))}")
    return account


def create_backup(server: connect.Server, password: str) -> None:
    """Create an account for cloning, for reading the group's state and for receiving its binary logs."""
    _provide(server, BACKUP.user, password)
    for grant in BACKUP.grants():
        server.query(grant)


@contextlib.contextmanager
def dumping(server: connect.Server) -> Iterator[None]:
    """Provide an account that can read everything and change nothing, for mysqldump. Only this pod reaches the server,
    hence no password. The server accepts no writes meanwhile or afterwards."""
    account = f"{quote(names.USER_DUMP)}@'localhost'"
    drop_it = f"DROP USER IF EXISTS {account}"
    # As a hash, which no password policy refuses.
    make_it = f"CREATE USER {account} IDENTIFIED WITH caching_sha2_password AS ''"
    _unprotected(server, drop_it, make_it, f"GRANT {_DUMP_RIGHTS} ON *.* TO {account}")
    try:
        yield
    finally:
        _unprotected(server, drop_it)


def _unprotected(server: connect.Server, *statements: str) -> None:
    server.query("SET GLOBAL super_read_only = OFF")
    for statement in statements:
        server.query(statement)
    server.query("SET GLOBAL super_read_only = ON")


def may_receive(server: connect.Server) -> bool:
    """Whether the account of this connection may receive binary logs."""
    return any("REPLICATION SLAVE" in str(grant) for (grant,) in server.query("SHOW GRANTS"))


def _provide(server: connect.Server, user: str, password: str) -> str:
    """Create or alter the account, never drop it: the Job of a killed command may be using it."""
    one = Account(user, "%", "")
    for verb in _PROVIDING:
        set_password(server, one, password, f"{verb} {one} IDENTIFIED {{}} {one.requirement()}{FREE}")
    return str(one)


def drop_expired(server: connect.Server, user: str) -> bool:
    """Drop the account on a writable server if it has expired by the server's clock; returns whether it had."""
    over = "JSON_EXTRACT(user_attributes, '$.metadata.until') < UNIX_TIMESTAMP()"
    query = f"SELECT COUNT(*) FROM mysql.user WHERE user IN %s AND {over} AND NOT @@global.super_read_only"  # noqa: S608
    expired = bool(server.scalar(query, [_with_its_own(user)]))
    if expired:
        drop(server, user)
    return expired


def drop(server: connect.Server, user: str) -> None:
    """Drop the account, and the one that it created."""
    server.query("DROP USER IF EXISTS " + ", ".join(f"{quote(one)}@'%'" for one in _with_its_own(user)))


def _with_its_own(user: str) -> tuple[str, ...]:
    return (user, names.USER_LOAD) if user == names.USER_ADOPT else (user,)


def by_plugin(server: connect.Server) -> dict[str, list[str]]:
    """Which accounts use which authentication plugin."""
    found: dict[str, list[str]] = {}
    for plugin, account in server.query("SELECT plugin, CONCAT(user, '@', host) FROM mysql.user ORDER BY user, host"):
        found.setdefault(str(plugin), []).append(str(account))
    return found


_HASHED: Mapping[str, Identified] = {"caching_sha2_password": as_hash, NATIVE: as_native_hash}
