"""The agent's own way into real mysqlds that clients have filled."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from mysqlops import errors
from mysqlops.agent import pod, settings
from mysqlops.core import adoption, names, view
from mysqlops.core import group as groups
from mysqlops.mysql import accounts, connect, group_replication
from tests.database.containers import Template, in_network_of
from tests.database.files import PASSWORDS, PREVIOUS
from tests.database.group import Group, Member, Settings

T = TypeVar("T")
_CLIENT = connect.Login("client", "client", ssl_mode=adoption.REQUIRED)
_FULL = 1040


class _Pod(pod.Pod):
    """The agent's own code, with the passwords of these tests."""

    def __init__(self, member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(settings.Settings("mysql", "db", member.name, "uid"))
        self._container = member.container
        socket = functools.partial(connect.connect_socket, path=str(member.socket))
        monkeypatch.setattr(connect, "connect_socket", socket)

    def login(self, user: str, key: str) -> connect.Login:
        return connect.Login(user, (PASSWORDS | PREVIOUS)[key], ssl_mode=adoption.REQUIRED)

    def find(self, key: str) -> str | None:
        return (PASSWORDS | PREVIOUS).get(key)

    def inside(self, action: Callable[[], T]) -> T:
        return in_network_of(self._container, action)

    def user(self) -> str:
        """As whom the agent comes in."""

        def ask() -> str:
            with self.server() as server:
                return str(server.scalar("SELECT CURRENT_USER()"))

        return self.inside(ask)


def _noting(member: Member) -> view.GroupRecord:
    """A Lease that notes the group that the member is in."""
    incarnation = groups.incarnation(member.observe().view_id)
    return view.GroupRecord(None, None, 0.0, note=groups.Note(incarnation=incarnation))


@pytest.fixture(scope="module")
def group(template: Template) -> Iterator[Group]:
    with Group(Settings(members=2), template) as servers:
        first = servers.members[0]
        first.form()
        first.await_state(view.ONLINE)
        with first.server() as server:
            group_replication.accept_clients(server)
        first.query("CREATE USER client IDENTIFIED BY 'client'")
        yield servers


@contextlib.contextmanager
def _filled(member: Member) -> Iterator[None]:
    """No connection is left, nor the one that is kept for who administers.

    All are there before the limit is, and the session that sets it also lifts it: a server counts a session that has
    ended, or was refused at its login, until its thread is gone."""
    with contextlib.ExitStack() as stack:
        administers = stack.enter_context(member.server())
        for _ in range(8):
            stack.enter_context(connect.connect_socket(_CLIENT, path=str(member.socket)))
        administers.query("SET GLOBAL max_connections = 8")
        with pytest.raises(errors.StatementFailed, match="1040"):
            connect.connect_socket(_CLIENT, path=str(member.socket))
        yield
        administers.query("SET GLOBAL max_connections = DEFAULT")


def test_clients_cannot_lock_the_agent_out(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    member = group.members[0]
    own = _Pod(member, monkeypatch)
    with _filled(member):
        with pytest.raises(errors.StatementFailed) as refused:
            member.server()
        assert refused.value.errno == _FULL
        assert own.user() == "mysqlops@127.0.0.1"

        def work() -> list[connect.Row]:
            with own.server() as server:
                server.query("ALTER INSTANCE RELOAD TLS")
                group_replication.block_clients(server)
                group_replication.accept_clients(server)
                return server.query("SELECT 1 FROM mysqlops.probe")

        assert own.inside(work) == []


def test_a_member_joins_through_one_whose_clients_have_taken_all_they_may(group: Group) -> None:
    """The members' own connections count: without those that are kept, a joining one waits for ever."""
    first, second = group.members
    first.query("SET GLOBAL max_connections = 18", "SET GLOBAL max_user_connections = 8")
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connect.connect_socket(_CLIENT, path=str(first.socket)))
        with pytest.raises(errors.StatementFailed, match="1203"):
            connect.connect_socket(_CLIENT, path=str(first.socket))
        second.join(first)
        second.await_members(first, second)
    first.query("SET GLOBAL max_connections = DEFAULT", "SET GLOBAL max_user_connections = DEFAULT")
    second.leave()


def test_a_cluster_from_before_gets_the_account(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    member = group.members[0]
    own = _Pod(member, monkeypatch)
    grants = f"SHOW GRANTS FOR {accounts.LOOPBACK}"
    before = member.query(grants)
    member.query(f"DROP USER {accounts.LOOPBACK}")
    assert (own.user(), own.is_denied) == ("mysqlops@localhost", True)
    own.inside(lambda: own.admit(_noting(member)))
    assert (own.user(), own.is_denied) == ("mysqlops@127.0.0.1", False)
    assert member.query(grants) == before


def test_an_account_with_another_password_is_made_again(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent from before rotated the passwords, and does not know this account."""
    member = group.members[0]
    own = _Pod(member, monkeypatch)
    member.query(
        f"ALTER USER {accounts.LOOPBACK} IDENTIFIED BY 'other'", f"ALTER USER {accounts.LOOPBACK} DISCARD OLD PASSWORD"
    )
    assert own.user() == "mysqlops@localhost"
    own.inside(lambda: own.admit(_noting(member)))
    assert own.user() == "mysqlops@127.0.0.1"


def test_a_replica_makes_no_account(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a transaction of its own, which keeps it out of the group for good."""
    member = group.members[1]
    own = _Pod(member, monkeypatch)
    executed = member.observe().executed
    member.query("SET GLOBAL super_read_only = OFF", "SET sql_log_bin = 0", f"DROP USER {accounts.LOOPBACK}")
    assert own.user() == "mysqlops@localhost"
    own.inside(lambda: own.admit(_noting(member)))
    assert (own.is_denied, member.observe().executed) == (True, executed)


def test_both_accounts_change_their_password_together(group: Group) -> None:
    member = group.members[0]
    stored = "SELECT authentication_string FROM mysql.user WHERE user = 'mysqlops' ORDER BY host"
    with member.server() as server:
        before = server.query(stored)
        accounts.add_password(server, accounts.ADMIN, "new")
        two = (
            "SELECT COUNT(*) FROM mysql.user WHERE user = 'mysqlops' AND user_attributes->'$.additional_password' <> ''"
        )
        assert server.query(two) == [(2,)]
        accounts.keep_only(server, accounts.ADMIN, "newer")
        assert server.query(two) == [(0,)]
        assert not set(before) & set(server.query(stored))
        accounts.keep_only(server, accounts.ADMIN, PASSWORDS[names.KEY_ADMIN_PASSWORD])


def test_nothing_listens_where_the_interface_is_not_configured(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    own = _Pod(group.members[0], monkeypatch)
    monkeypatch.setattr(connect, "connect_admin", functools.partial(connect.connect_admin, port=1))
    assert (own.user(), own.is_denied) == ("mysqlops@localhost", False)
