"""Passwords on a real server: two at once during a rotation, in new, restored and older data; a password policy."""

from __future__ import annotations

from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import credentials
from mysqlops.core import names
from mysqlops.mysql import account_files, accounts, connect
from tests.database.conftest import Database
from tests.database.files import PASSWORDS, PREVIOUS

_REMOTE = (accounts.REPLICATION, accounts.PROBE, accounts.APP)


def _assert_both(database: Database) -> None:
    for one in _REMOTE:
        for password in (PASSWORDS[one.key], PREVIOUS[names.previous_key(one.key)]):
            database.connect(one.user, password).close()
    with database.connect() as server:
        assert accounts.with_two_passwords(server, accounts.ALWAYS) == [*accounts.ALWAYS]
        assert server.query("SELECT COUNT(*) FROM mysql.user WHERE host = '%' AND ssl_type = 'ANY'") == [(3,)]


def _run(server: connect.Server, script: str) -> None:
    server.query("SET sql_log_bin = 0")
    for line in script.removesuffix("SHUTDOWN;\n").splitlines():
        server.query(line.removesuffix(";"))


def test_a_member_made_during_a_rotation_accepts_both_passwords(database: Database) -> None:
    _assert_both(database)


@pytest.mark.parametrize("script", [account_files.reset_file, account_files.rejoin_file])
@pytest.mark.parametrize("history", [0, 3])
def test_restored_data_accepts_both_passwords_too(writable: Database, script: Any, history: int) -> None:
    """The accounts have these passwords already, and had them: a site's password_history must not stand against it."""
    with writable.connect() as server:
        server.query(f"SET GLOBAL password_history = {history}")
        try:
            _run(server, script(PASSWORDS | PREVIOUS))
        finally:
            server.query("SET GLOBAL password_history = DEFAULT")
    _assert_both(writable)


def test_passwords_change_beside_the_old_ones(writable: Database) -> None:
    database, one = writable, accounts.Account("rotating", "%", "its-key")
    with database.connect() as server:
        server.query("SET sql_log_bin = 0")
        server.query("SET GLOBAL password_history = 3")
        server.query("CREATE USER rotating IDENTIFIED BY 'first' REQUIRE SSL")
        accounts.add_password(server, one, "sec'ond")
        database.connect("rotating", "first").close()
        database.connect("rotating", "sec'ond").close()
        accounts.keep_only(server, one, "sec'ond")
        with pytest.raises(errors.AccessDenied):
            database.connect("rotating", "first")
        database.connect("rotating", "sec'ond").close()
        server.query("SET GLOBAL password_history = DEFAULT")
        server.query("DROP USER rotating")
        accounts.add_password(server, one, "third")
        accounts.keep_only(server, one, "third")
        assert server.query("SELECT user FROM mysql.user WHERE user = 'rotating'") == []


@pytest.mark.parametrize("replayed", [False, True])
def test_data_older_than_a_rotation_accepts_both_before_and_after_it_is_replicated(
    writable: Database, replayed: bool
) -> None:
    database, one = writable, accounts.Account("older", "%", "its-key")
    held = {one.key: "new", names.previous_key(one.key): "old"}
    with database.connect() as server:
        server.query("SET sql_log_bin = 0")
        server.query("CREATE USER older IDENTIFIED BY 'old' REQUIRE SSL")
        before = server.scalar("SELECT @@global.gtid_executed")
        accounts.accept_both(server, one, held)
        assert server.scalar("SELECT @@global.gtid_executed") == before
        server.query("SET sql_log_bin = 0")
        if replayed:
            accounts.add_password(server, one, "new")
        for password in ("old", "new"):
            database.connect("older", password).close()
        accounts.keep_only(server, one, "new")
        database.connect("older", "new").close()
        with pytest.raises(errors.AccessDenied):
            database.connect("older", "old")
        server.query("DROP USER older")


def test_generated_passwords_satisfy_the_policy_of_validate_password(writable: Database) -> None:
    one = accounts.Account("weak", "%", "its-key")
    with writable.connect() as server:
        server.query("SET sql_log_bin = 0")
        server.query("INSTALL COMPONENT 'file://component_validate_password'")
        try:
            server.query("CREATE USER weak IDENTIFIED BY %s", [credentials.password()])
            for _ in range(20):
                accounts.add_password(server, one, credentials.password())
            with pytest.raises(errors.StatementFailed, match="1819"):
                server.query("ALTER USER weak IDENTIFIED BY 'lower'")
        finally:
            server.query("UNINSTALL COMPONENT 'file://component_validate_password'")
            server.query("DROP USER IF EXISTS weak")
