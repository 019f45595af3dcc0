"""The accounts of a member, as the statements that create them.

They are created alike on every member before it ever joins, outside the binary log, so they are nobody's
transactions. mysqld reads the file with `--init-file`: one statement a line, so that no client is needed.
"""

from __future__ import annotations

from collections.abc import Mapping

from mysqlops.core import names
from mysqlops.mysql import connect

_REPLICATION_RIGHTS = "REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM"
_PROVIDING = ("CREATE USER IF NOT EXISTS", "ALTER USER")
_BACKUP_RIGHTS = ("REPLICATION SLAVE, BACKUP_ADMIN ON *.*", "SELECT ON performance_schema.*")


def quote(text: str) -> str:
    """A string literal; holds under NO_BACKSLASH_ESCAPES too only for text without backslashes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def add_password(server: connect.Server, user: str, host: str, password: str) -> None:
    """A new password beside the one that the account has; both are accepted."""
    account = f"{quote(user)}@{quote(host)}"
    statement = f"ALTER USER {account} IDENTIFIED BY {quote(password)} RETAIN CURRENT PASSWORD"
    server.execute_secret(statement, f"ALTER USER {account} IDENTIFIED BY … RETAIN CURRENT PASSWORD")


def discard_old_password(server: connect.Server, user: str, host: str) -> None:
    server.query(f"ALTER USER {quote(user)}@{quote(host)} DISCARD OLD PASSWORD")


def create_temporary(server: connect.Server, user: str, password: str) -> None:
    """An account that may do everything, over TLS only."""
    account = _provide(server, user, password)
    server.query(f"GRANT ALL ON *.* TO {account} WITH GRANT OPTION")


def create_backup(server: connect.Server, user: str, password: str) -> None:
    """An account that the clone plugin may copy with, that sees the group and receives its binary logs."""
    account = _provide(server, user, password)
    for rights in _BACKUP_RIGHTS:
        server.query(f"GRANT {rights} TO {account}")


def may_receive(server: connect.Server) -> bool:
    """Whether the account of this connection may receive binary logs."""
    return any("REPLICATION SLAVE" in str(grant) for (grant,) in server.query("SHOW GRANTS"))


def _provide(server: connect.Server, user: str, password: str) -> str:
    """Never dropped for a moment: the Job of a killed command may be working with it."""
    account = f"{quote(user)}@'%'"
    for verb in _PROVIDING:
        server.execute_secret(
            f"{verb} {account} IDENTIFIED BY {quote(password)} REQUIRE SSL", f"{verb} {account} IDENTIFIED BY …"
        )
    return account


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
    known = (
        ("root", "localhost", names.KEY_ROOT_PASSWORD),
        (names.USER_ADMIN, "localhost", names.KEY_ADMIN_PASSWORD),
        (names.USER_REPLICATION, "%", names.KEY_REPLICATION_PASSWORD),
        (names.USER_PROBE, "%", names.KEY_PROBE_PASSWORD),
        (names.USER_APP, "%", names.KEY_APP_PASSWORD),
    )
    lines = [
        f"ALTER USER IF EXISTS {quote(user)}@{quote(host)} {change}"
        for user, host, key in known
        for change in (f"IDENTIFIED BY {quote(passwords[key])}", "DISCARD OLD PASSWORD")
    ]
    gone = [f"DROP USER IF EXISTS {quote(user)}@'%'" for user in (names.USER_BACKUP, names.USER_ADOPT)]
    made = []
    if password := passwords.get(names.KEY_BACKUP_PASSWORD):
        account = f"{quote(names.USER_BACKUP)}@'%'"
        made = [f"CREATE USER {account} IDENTIFIED BY {quote(password)} REQUIRE SSL"]
        made += [f"GRANT {rights} TO {account}" for rights in _BACKUP_RIGHTS]
    return "".join(f"{line};\n" for line in [*lines, *gone, *made, "SHUTDOWN"])


def rejoin_file(passwords: Mapping[str, str]) -> str:
    """The statements that let a member with older data back into its own group: the passwords may have changed since,
    and what changed them comes with the binary logs. Nothing else may differ from the others. Ends with SHUTDOWN."""
    own = (
        (names.USER_ADMIN, "localhost", names.KEY_ADMIN_PASSWORD),
        (names.USER_REPLICATION, "%", names.KEY_REPLICATION_PASSWORD),
    )
    lines = [f"ALTER USER {quote(user)}@{quote(host)} IDENTIFIED BY {quote(passwords[key])}" for user, host, key in own]
    return "".join(f"{line};\n" for line in [*lines, "SHUTDOWN"])


def init_file(passwords: Mapping[str, str]) -> str:
    """The statements for a new data directory; `passwords` by key of the Secret. Ends with SHUTDOWN."""
    accounts = (
        (names.USER_ADMIN, "localhost", names.KEY_ADMIN_PASSWORD, ["ALL ON *.*"], " WITH GRANT OPTION"),
        (names.USER_REPLICATION, "%", names.KEY_REPLICATION_PASSWORD, [f"{_REPLICATION_RIGHTS} ON *.*"], ""),
        (names.USER_PROBE, "%", names.KEY_PROBE_PASSWORD, ["SELECT, INSERT, UPDATE, DELETE ON mysqlops.*"], ""),
        (names.USER_APP, "%", names.KEY_APP_PASSWORD, [f"ALL ON {names.DATABASE_APP}.*"], ""),
    )
    lines = [
        "CREATE DATABASE mysqlops",
        "CREATE TABLE mysqlops.probe (id INT PRIMARY KEY, token VARCHAR(64), written_at TIMESTAMP(6) NOT NULL)",
        f"CREATE DATABASE {names.DATABASE_APP}",
    ]
    for user, host, key, grants, suffix in accounts:
        account = f"{quote(user)}@{quote(host)}"
        require = "" if host == "localhost" else " REQUIRE SSL"
        lines.append(f"CREATE USER {account} IDENTIFIED BY {quote(passwords[key])}{require}")
        lines += [f"GRANT {grant} TO {account}{suffix}" for grant in grants]
    lines.append(f"ALTER USER 'root'@'localhost' IDENTIFIED BY {quote(passwords[names.KEY_ROOT_PASSWORD])}")
    return "".join(f"{line};\n" for line in [*lines, "SHUTDOWN"])
