"""Account statements as files for `mysqld --init-file`: for a new data directory, for restored data, and for a member
with older data. One statement per line; they hold hashes, not passwords, and end with SHUTDOWN."""

from __future__ import annotations

from collections.abc import Mapping

from mysqlops.core import names
from mysqlops.mysql import accounts


def reset_file(passwords: Mapping[str, str], identified: accounts.Identified = accounts.as_hash) -> str:
    """The statements that give restored data this cluster's passwords; `passwords` by key of the Secret. The
    backup account is included if this cluster has it: its binary log receiver continues. Ends with SHUTDOWN."""
    lines = []
    for account in (*accounts.ALWAYS, accounts.LOOPBACK):
        lines += _made_if_ours(account, passwords, identified)
        discarded = accounts.quote(f"ALTER USER {account} DISCARD OLD PASSWORD")
        lines += _if_there(account, discarded, discarded) + _altered(account, passwords, identified)
    temporary = (names.USER_BACKUP, names.USER_ADOPT, names.USER_LOAD)
    lines += [f"DROP USER IF EXISTS {accounts.quote(user)}@'%'" for user in temporary]
    # Without a password of this cluster nobody may log in; with one, the primary creates it again.
    lines.append(f"DROP USER IF EXISTS {accounts.EXPORTER}")
    if passwords.get(accounts.BACKUP.key):
        lines += _made(accounts.BACKUP, passwords, identified)
    return _file(lines)


def rejoin_file(passwords: Mapping[str, str], identified: accounts.Identified = accounts.as_hash) -> str:
    """The statements that let a member with older data back into its own group: the passwords may have changed since,
    and that change arrives with the binary logs. Nothing else may differ from the others. Ends with SHUTDOWN."""
    lines = []
    for account in (accounts.ADMIN, accounts.REPLICATION):
        lines += _made_if_ours(account, passwords, identified) + _altered(account, passwords, identified)
    return _file(lines)


def init_file(passwords: Mapping[str, str], identified: accounts.Identified = accounts.as_hash) -> str:
    """The statements for a new data directory; `passwords` by key of the Secret. Ends with SHUTDOWN."""
    lines = [*accounts.PROBE_OBJECTS, f"CREATE DATABASE {names.DATABASE_APP}"]
    for account in (*accounts.OURS, accounts.LOOPBACK, accounts.APP):
        lines += _made(account, passwords, identified)
    return _file([*lines, *_altered(accounts.ROOT, passwords, identified)])


def _made(one: accounts.Account, passwords: Mapping[str, str], identified: accounts.Identified) -> list[str]:
    lines = [line.format(identified(password)) for line, password in accounts.both(one, passwords, "CREATE USER")]
    return [*lines, *([f"ALTER USER {one} REQUIRE SSL"] if one.requirement() else []), *one.grants()]


def _made_if_ours(one: accounts.Account, passwords: Mapping[str, str], identified: accounts.Identified) -> list[str]:
    """The account may have been dropped at the time of the data."""
    if one not in accounts.OURS:
        return []
    made = f"CREATE USER IF NOT EXISTS {one} IDENTIFIED {identified(passwords[one.key])}"
    made = f"{made} {one.requirement()}{accounts.FREE}"
    return [made, *one.grants()]


def _altered(one: accounts.Account, passwords: Mapping[str, str], identified: accounts.Identified) -> list[str]:
    """Keeps the plugin of the account: clients may not support another one."""
    lines = []
    for line, password in accounts.both(one, passwords, "ALTER USER"):
        usual, native = line.format(identified(password)), line.format(accounts.as_native_hash(password))
        lines += _if_there(one, accounts.quote(usual), accounts.quote(native))
    return lines


def _if_there(one: accounts.Account, usual: str, native: str) -> list[str]:
    """Run one of two statements, depending on the account's plugin, and none if the account was dropped:
    validate_password checks ALTER USER IF EXISTS even for an account that does not exist."""
    is_it = f"user = {accounts.quote(one.user)} AND host = {accounts.quote(one.host)}"
    return [
        f"SET @made = (SELECT IF(plugin <> '{accounts.NATIVE}', {usual}, {native}) FROM mysql.user WHERE {is_it})",  # noqa: S608
        "SET @made = IFNULL(@made, 'DO 0')",
        "PREPARE made FROM @made",
        "EXECUTE made",
    ]


def _file(lines: list[str]) -> str:
    return "".join(f"{line};\n" for line in [*lines, "SHUTDOWN"])
