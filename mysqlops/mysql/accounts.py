"""The accounts of a member, as the statements that create them.

They are created alike on every member before it ever joins, outside the binary log, so they are nobody's
transactions. mysqld reads the file with `--init-file`: one statement a line, so that no client is needed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.core import names
from mysqlops.mysql import connect

_REPLICATION_RIGHTS = "REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM"
_PROVIDING = ("CREATE USER IF NOT EXISTS", "ALTER USER")
# These accounts get passwords again that they have or had; a site's password_history would refuse that (error 3638).
_REUSES = "PASSWORD HISTORY 0 PASSWORD REUSE INTERVAL 0 DAY"
_TOO_WEAK = 1819  # validate_password; says no more than that the policy is not satisfied
_DUMP_RIGHTS = "SELECT, SHOW VIEW, TRIGGER, EVENT"
_BACKUP_RIGHTS = ("REPLICATION SLAVE, BACKUP_ADMIN ON *.*", "SELECT ON performance_schema.*")


def quote(text: str) -> str:
    """A string literal; holds under NO_BACKSLASH_ESCAPES too only for text without backslashes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True)
class Account:
    """One account, and the Secret's key of its password."""

    user: str
    host: str
    key: str

    def __str__(self) -> str:
        return f"{quote(self.user)}@{quote(self.host)}"


ROOT = Account("root", "localhost", names.KEY_ROOT_PASSWORD)
ADMIN = Account(names.USER_ADMIN, "localhost", names.KEY_ADMIN_PASSWORD)
REPLICATION = Account(names.USER_REPLICATION, "%", names.KEY_REPLICATION_PASSWORD)
PROBE = Account(names.USER_PROBE, "%", names.KEY_PROBE_PASSWORD)
APP = Account(names.USER_APP, "%", names.KEY_APP_PASSWORD)
BACKUP = Account(names.USER_BACKUP, "%", names.KEY_BACKUP_PASSWORD)  # only where backups are made
ALWAYS = (ROOT, ADMIN, REPLICATION, PROBE, APP)


def add_password(server: connect.Server, one: Account, password: str) -> None:
    """A new password beside the one that the account has; both are accepted. Nothing if somebody dropped the account:
    the others' passwords must change all the same."""
    _alter(server, one, password, "RETAIN CURRENT PASSWORD ")


def keep_only(server: connect.Server, one: Account, password: str) -> None:
    """Accept no other password any more. Which one a member calls the old one depends on how it came by the two, so
    DISCARD alone could leave it with the wrong one."""
    _alter(server, one, password, "")
    server.query(f"ALTER USER IF EXISTS {one} DISCARD OLD PASSWORD")


def accept_both(server: connect.Server, one: Account, passwords: Mapping[str, str]) -> None:
    """Let a member whose data is older than the open rotation accept both; that is no transaction of its own."""
    server.query("SET sql_log_bin = OFF")
    for line in _both(one, passwords, "ALTER USER"):
        server.execute_secret(line, f"ALTER USER {one} IDENTIFIED BY …")
    server.query("SET sql_log_bin = ON")


def with_two_passwords(server: connect.Server, of: Collection[Account]) -> list[str]:
    """Those that accept another password beside their own."""
    rows = server.query(
        "SELECT user, host FROM mysql.user WHERE JSON_EXTRACT(user_attributes, '$.additional_password') IS NOT NULL"
    )
    found = {(str(user), str(host)) for user, host in rows}
    return [one.user for one in of if (one.user, one.host) in found]


def _alter(server: connect.Server, one: Account, password: str, clause: str) -> None:
    statement = f"ALTER USER IF EXISTS {one} IDENTIFIED BY {{}} {clause}{_REUSES}"
    try:
        server.execute_secret(statement.format(quote(password)), statement.format("…"))
    except errors.StatementFailed as error:
        if error.errno != _TOO_WEAK:
            raise
        text = f"{error}: validate_password wants more than 32 characters of four kinds"
        raise errors.StatementFailed(text, errno=error.errno) from None


def _both(one: Account, passwords: Mapping[str, str], verb: str) -> list[str]:
    """The statements that give an account its password, and while a rotation is open the previous one too.

    The previous one comes last and is thereby the current one: if the rotation's own ALTER USER … RETAIN CURRENT
    PASSWORD is replicated to this member later, it retains the previous one, and not the new one twice.
    """
    lines = [f"{verb} {one} IDENTIFIED BY {quote(passwords[one.key])} {_REUSES}"]
    if previous := passwords.get(names.previous_key(one.key)):
        retained = f"ALTER USER IF EXISTS {one} IDENTIFIED BY {quote(previous)} RETAIN CURRENT PASSWORD {_REUSES}"
        lines.append(retained)
    return lines


def create_temporary(server: connect.Server, user: str, password: str, seconds: int) -> None:
    """An account that may do everything, over TLS only; drop_expired drops it once its time is over."""
    account = _provide(server, user, password)
    until = f"JSON_OBJECT('until', UNIX_TIMESTAMP() + {seconds})"
    server.query(f"ALTER USER {account} ATTRIBUTE {quote(str(server.scalar(f'SELECT {until}')))}")
    server.query(f"GRANT ALL ON *.* TO {account} WITH GRANT OPTION")


def create_backup(server: connect.Server, user: str, password: str) -> None:
    """An account that the clone plugin may copy with, that sees the group and receives its binary logs."""
    account = _provide(server, user, password)
    for rights in _BACKUP_RIGHTS:
        server.query(f"GRANT {rights} TO {account}")


@contextlib.contextmanager
def dumping(server: connect.Server) -> Iterator[None]:
    """While this lasts there is an account that may read everything and change nothing, for mysqldump on a server that
    nobody reaches but this pod; hence no password. The server takes no writes meanwhile, nor after that."""
    account = f"{quote(names.USER_DUMP)}@'localhost'"
    drop_it = f"DROP USER IF EXISTS {account}"
    # As a hash, which no policy for passwords refuses.
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
    """Never dropped for a moment: the Job of a killed command may be working with it."""
    account = f"{quote(user)}@'%'"
    for verb in _PROVIDING:
        server.execute_secret(
            f"{verb} {account} IDENTIFIED BY {quote(password)} REQUIRE SSL {_REUSES}",
            f"{verb} {account} IDENTIFIED BY …",
        )
    return account


def drop_expired(server: connect.Server, user: str) -> bool:
    """Whether a server that takes writes had such an account whose time is over; its own clock decides."""
    over = "JSON_EXTRACT(user_attributes, '$.metadata.until') < UNIX_TIMESTAMP()"
    query = f"SELECT COUNT(*) FROM mysql.user WHERE user = %s AND {over} AND NOT @@global.super_read_only"  # noqa: S608
    expired = bool(server.scalar(query, [user]))
    if expired:
        drop(server, user)
    return expired


def drop(server: connect.Server, user: str) -> None:
    server.query(f"DROP USER IF EXISTS {quote(user)}@'%'")


def by_plugin(server: connect.Server) -> dict[str, list[str]]:
    """Which accounts use which authentication plugin."""
    found: dict[str, list[str]] = {}
    for plugin, account in server.query("SELECT plugin, CONCAT(user, '@', host) FROM mysql.user ORDER BY user, host"):
        found.setdefault(str(plugin), []).append(str(account))
    return found


def reset_file(passwords: Mapping[str, str]) -> str:
    """The statements that give restored data this cluster's passwords; `passwords` by key of the Secret. The data's
    own accounts of mysqlops stay otherwise as they are, and the one for backups is there if this cluster has it: its
    receiver of binary logs goes on. Ends with SHUTDOWN."""
    lines = []
    for one in ALWAYS:
        lines.append(f"ALTER USER IF EXISTS {one} DISCARD OLD PASSWORD")
        lines += _both(one, passwords, "ALTER USER IF EXISTS")
    lines += [f"DROP USER IF EXISTS {quote(user)}@'%'" for user in (names.USER_BACKUP, names.USER_ADOPT)]
    if passwords.get(BACKUP.key):
        lines += _both(BACKUP, passwords, "CREATE USER")
        lines.append(f"ALTER USER {BACKUP} REQUIRE SSL")
        lines += [f"GRANT {rights} TO {BACKUP}" for rights in _BACKUP_RIGHTS]
    return _file(lines)


def rejoin_file(passwords: Mapping[str, str]) -> str:
    """The statements that let a member with older data back into its own group: the passwords may have changed since,
    and what changed them comes with the binary logs. Nothing else may differ from the others. Ends with SHUTDOWN."""
    return _file([line for one in (ADMIN, REPLICATION) for line in _both(one, passwords, "ALTER USER")])


def init_file(passwords: Mapping[str, str]) -> str:
    """The statements for a new data directory; `passwords` by key of the Secret. Ends with SHUTDOWN."""
    made = (
        (ADMIN, "ALL ON *.*", " WITH GRANT OPTION"),
        (REPLICATION, f"{_REPLICATION_RIGHTS} ON *.*", ""),
        (PROBE, "SELECT, INSERT, UPDATE, DELETE ON mysqlops.*", ""),
        (APP, f"ALL ON {names.DATABASE_APP}.*", ""),
    )
    lines = [
        "CREATE DATABASE mysqlops",
        "CREATE TABLE mysqlops.probe (id INT PRIMARY KEY, token VARCHAR(64), written_at TIMESTAMP(6) NOT NULL)",
        f"CREATE DATABASE {names.DATABASE_APP}",
    ]
    for one, rights, suffix in made:
        lines += _both(one, passwords, "CREATE USER")
        if one.host != "localhost":
            lines.append(f"ALTER USER {one} REQUIRE SSL")
        lines.append(f"GRANT {rights} TO {one}{suffix}")
    lines += _both(ROOT, passwords, "ALTER USER")
    return _file(lines)


def _file(lines: list[str]) -> str:
    return "".join(f"{line};\n" for line in [*lines, "SHUTDOWN"])
