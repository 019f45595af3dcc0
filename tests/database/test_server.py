"""Facts about MySQL on which the code relies, each asked of a real server."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.agent import openssl, tls_check
from mysqlops.clock import SystemClock
from mysqlops.core import adoption, names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import connect, group_replication, sessions, variables, wait
from tests.database import containers
from tests.database.conftest import Database
from tests.database.files import PASSWORDS
from tests.database.group import Group, Settings

_UUIDS = [f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}" for digit in "1a"]
_SETS = st.dictionaries(st.sampled_from(_UUIDS), st.sets(st.integers(1, 12), min_size=1))


def _text(numbers: dict[str, set[int]]) -> str:
    return ",".join(f"{uuid}:{':'.join(map(str, sorted(found)))}" for uuid, found in numbers.items())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_SETS, _SETS)
def test_gtid_arithmetic_is_the_servers_own(
    database: Database, left: dict[str, set[int]], right: dict[str, set[int]]
) -> None:
    with database.connect() as server:
        subset, rest = server.query(
            "SELECT GTID_SUBSET(%s, %s), GTID_SUBTRACT(%s, %s)", [_text(left), _text(right)] * 2
        )[0]
    one, other = GtidSet.parse(_text(left)), GtidSet.parse(_text(right))
    assert one.is_subset(other) == bool(subset)
    assert one.subtract(other) == GtidSet.parse(rest)
    assert str(one.subtract(other)) == rest.replace("\n", "")


def test_a_new_member_has_no_transactions_and_is_read_only(database: Database) -> None:
    with database.connect() as server:
        seen = group_replication.observe(server)
    assert (seen.state, seen.writable, seen.role()) == (view.OFFLINE, False, names.ROLE_NONE)
    assert not seen.executed


def test_accounts_can_do_what_they_are_for_and_nothing_else(database: Database) -> None:
    with database.connect(names.USER_APP, PASSWORDS[names.KEY_APP_PASSWORD]) as app:
        assert {row[0] for row in app.query("SHOW DATABASES")} == {"app", "information_schema", "performance_schema"}
        with pytest.raises(errors.AccessDenied):
            app.query("SELECT * FROM mysqlops.probe")
    with database.connect(names.USER_PROBE, PASSWORDS[names.KEY_PROBE_PASSWORD]) as probe:
        assert probe.query("SELECT * FROM mysqlops.probe") == []
    with pytest.raises(errors.AccessDenied):
        database.connect(names.USER_APP, "wrong")
    with pytest.raises(errors.AccessDenied):
        database.connect("root", "")


def test_a_server_proves_its_name_by_the_ca(database: Database) -> None:
    """By `localhost`, which the certificate names, and not by an address, which it does not."""
    trusted = connect.Login("tester", "tester", str(database.tls / tls_check.CA))
    connect.connect_tcp("localhost", trusted, port=database.port).close()
    with pytest.raises(errors.ConnectFailed, match=r"doesn't match|not valid for"):
        connect.connect_tcp("127.0.0.1", trusted, port=database.port)
    stranger = openssl.make_ca(database.tls.parent)[tls_check.CA]
    (database.tls.parent / "stranger.crt").write_text(stranger)
    with pytest.raises(errors.ConnectFailed, match="certificate verify failed"):
        connect.connect_tcp(
            "localhost",
            connect.Login("tester", "tester", str(database.tls.parent / "stranger.crt")),
            port=database.port,
        )
    with pytest.raises(errors.ConfigError, match="CA file"):
        connect.connect_tcp("localhost", connect.Login("tester", "tester", "/nowhere"), port=database.port)


def test_open_transactions_are_seen_and_clients_closed(writable: Database) -> None:
    database = writable
    with database.connect() as server, database.connect() as client:
        client.query("SET sql_log_bin = 0")
        server.query("SET sql_log_bin = 0")
        client.query("CREATE TABLE IF NOT EXISTS app.t (id INT PRIMARY KEY)")
        client.query("BEGIN")
        client.query("INSERT INTO app.t VALUES (1)")
        found = sessions.transactions(server)
        assert [(one.user, one.rows_modified) for one in found] == [("tester", 1)]
        assert sessions.close_clients(server) == 1
        with pytest.raises(errors.ConnectFailed):
            client.query("SELECT 1")
        assert server.query("SELECT * FROM app.t") == []
        server.query("DROP TABLE app.t")


def test_an_error_with_a_secret_never_repeats_the_statement(database: Database) -> None:
    with database.connect() as server, pytest.raises(errors.StatementFailed) as caught:
        server.execute_secret("CREATE USER x IDENTIFIED BY 'hunter2' NONSENSE", "creating an account")
    assert "hunter2" not in str(caught.value)
    assert caught.value.errno == 1064


def test_waiting_tells_why(database: Database) -> None:
    here = wait.Target(database.host, database.port)
    assert wait.why_not_ready(here, None) is None
    assert "read-only" in str(wait.why_not_ready(here, connect.Login("tester", "tester", ssl_mode=adoption.REQUIRED)))
    assert "does not answer" in str(wait.why_not_ready(wait.Target("127.0.0.1", 1), None))
    assert "does not resolve" in str(wait.why_not_ready(wait.Target("no-such-host.invalid"), None))
    with pytest.raises(errors.WaitTimeout, match="does not answer"):
        wait.wait_for([wait.Target("127.0.0.1", 1)], None, clock=SystemClock(), timeout_seconds=0, tell=lambda _: None)


def test_a_group_that_cannot_be_formed_tells_the_reason_of_the_error_log(database: Database) -> None:
    login = connect.Login(names.USER_REPLICATION, PASSWORDS[names.KEY_REPLICATION_PASSWORD], ssl_mode=adoption.REQUIRED)
    with database.connect() as server:
        with pytest.raises(errors.StatementFailed, match=r"MySQL error 309\d: .*peer address") as caught:
            group_replication.start(server, login, group_name=_UUIDS[1], seeds=["nowhere.invalid"], bootstrap=True)
        assert server.scalar("SELECT @@global.group_replication_bootstrap_group") == 0
    assert login.password not in str(caught.value)


@pytest.mark.parametrize("bootstrap", [True, False])
def test_who_is_paused_between_the_permit_and_the_start_finds_its_session_closed(
    database: Database, monkeypatch: pytest.MonkeyPatch, bootstrap: bool
) -> None:
    login = connect.Login(names.USER_REPLICATION, PASSWORDS[names.KEY_REPLICATION_PASSWORD], ssl_mode=adoption.REQUIRED)
    monkeypatch.setattr(group_replication, "_IDLE_SECONDS", 1)
    with database.connect() as server, database.connect() as other:
        session = server.scalar("SELECT CONNECTION_ID()")
        open_ones = f"SELECT COUNT(*) FROM performance_schema.processlist WHERE id = {session}"

        def paused() -> None:
            containers.eventually(lambda: other.scalar(open_ones) == 0, "the session to be closed")

        with pytest.raises(errors.ConnectFailed, match=r"4031|2006|2013"):
            group_replication.start(
                server,
                login,
                group_name=_UUIDS[1],
                seeds=["mysql-0.mysql.db.svc"],
                bootstrap=bootstrap,
                permit=paused,
            )
        assert other.scalar("SELECT @@global.group_replication_bootstrap_group") == 0
        assert group_replication.observe(other).state == view.OFFLINE


def test_a_group_of_one_is_formed_and_left(database: Database) -> None:
    """Last in this file: it makes the server writable for a while."""
    login = connect.Login(names.USER_REPLICATION, PASSWORDS[names.KEY_REPLICATION_PASSWORD], ssl_mode=adoption.REQUIRED)
    with database.connect() as server:
        group_replication.start(server, login, group_name=_UUIDS[1], seeds=["mysql-0.mysql.db.svc"], bootstrap=True)
        assert server.scalar("SELECT @@global.group_replication_bootstrap_group") == 0
        deadline = SystemClock().monotonic() + 20
        while (seen := group_replication.observe(server)).role() != names.ROLE_PRIMARY or not seen.writable:
            assert SystemClock().monotonic() < deadline, seen
        assert seen.online_members() == 1
        server.query("CREATE DATABASE made_in_group")
        group_replication.stop(server)
        group_replication.stop(server)
        after = group_replication.observe(server)
    assert (after.state, after.writable) == (view.OFFLINE, False)
    assert {uuid for (uuid, _), _ in after.executed.intervals} == {_UUIDS[1]}


def test_the_server_tells_which_variables_it_takes_live(database: Database) -> None:
    with database.connect() as server:
        kinds = {name: variables.kind(server, name) for name in ("max_connections", "port", "no_such_thing")}
    assert kinds == {"max_connections": "dynamic", "port": "static", "no_such_thing": "unknown"}


def test_variables_are_set_together_or_not_at_all(database: Database) -> None:
    with database.connect() as server:
        before = variables.get(server, ["max_connections", "sort_buffer_size", "no_such_thing"])
        assert sorted(before) == ["max_connections", "sort_buffer_size"]
        refused = variables.set_all(server, {"max_connections": "61", "sort_buffer_size": "plenty"})
        assert list(refused) == ["sort_buffer_size"]
        assert variables.get(server, list(before)) == before
        assert variables.set_all(server, {"sort_buffer_size": "1M", "long_query_time": "0.5"}) == {}
        assert variables.get(server, ["sort_buffer_size", "long_query_time"]) == {
            "sort_buffer_size": "1048576",
            "long_query_time": "0.5",
        }
        assert variables.set_all(server, {"sort_buffer_size": None, "long_query_time": None}) == {}
        assert variables.get(server, ["long_query_time"]) == {"long_query_time": "10.0"}
        with pytest.raises(errors.ConfigError):
            variables.get(server, ["x; DROP DATABASE app"])


def _log(database: Database, since: float) -> str:
    return containers.docker("logs", "--since", str(since), database.container, stderr=True)


def test_a_failed_login_is_in_the_log_and_a_look_at_the_port_is_not(database: Database) -> None:
    began = time.time()
    for user in (names.USER_APP, "nobody"):
        with pytest.raises(errors.AccessDenied):
            database.connect(user, "wrong")
    for _ in range(3):
        assert wait.is_there(wait.Target(database.host, database.port))
    database.connect().close()
    found = containers.eventually(
        lambda: log if (log := _log(database, began)).count("MY-010926") == 2 else "", "logged"
    )
    assert "Access denied for user 'app'@" in found
    assert "Access denied for user 'nobody'@" in found
    assert "communication packets" not in found


def test_a_mysqld_that_starts_lets_nobody_in_but_its_agent(template: containers.Template) -> None:
    """It may have crashed while the agent is frozen, and the Service still lead to it: whoever reads gets old rows."""
    with Group(Settings(members=1), template) as group:
        member = group.members[0]
        client = connect.Login(names.USER_APP, PASSWORDS[names.KEY_APP_PASSWORD], ssl_mode=adoption.REQUIRED)
        for _ in range(2):
            with pytest.raises(errors.MysqlError, match="offline mode"):
                connect.connect_tcp(member.address(), client)
            member.login(names.USER_ADMIN, PASSWORDS[names.KEY_ADMIN_PASSWORD]).close()
            assert not member.observe().writable
            with member.server() as server:
                group_replication.accept_clients(server)
            connect.connect_tcp(member.address(), client).close()
            member.kill()
            member.start()


def test_what_somebody_persisted_does_not_outlive_a_restart(template: containers.Template) -> None:
    """One file holds all settings; in the data it would be one member's only, and come back with a backup."""
    with Group(Settings(members=1), template) as group:
        member = group.members[0]
        member.query("SET PERSIST require_secure_transport = OFF")
        member.query("SET PERSIST_ONLY max_connections = 7")
        assert member.query("SELECT @@require_secure_transport") == [(0,)]
        member.stop()
        member.start()
        assert member.query("SELECT @@require_secure_transport, @@max_connections") == [(1, 74)]
