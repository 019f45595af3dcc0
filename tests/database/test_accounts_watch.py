"""An agent's watch over the accounts, in a group of two real servers, under a password policy of the site's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mysqlops import errors
from mysqlops.agent import accounts_watch, pod, rotation, settings
from mysqlops.core import adoption, names, view
from mysqlops.core import group as groups
from mysqlops.core import rotation as stages
from mysqlops.mysql import accounts, connect, group_replication, own_accounts
from tests.database.containers import Template, eventually
from tests.database.files import PASSWORDS
from tests.database.group import Group, Member, Settings

pytestmark = pytest.mark.long  # servers of their own, minutes of work; CI has the unit tests


class Pod(pod.Pod):
    """A member's pod, whose agent logs in as the account `mysqlops` or, for these tests, over the network."""

    def __init__(self, member: Member, others: tuple[Member, ...] = ()) -> None:
        super().__init__(settings.Settings("mysql", "db", member.name, member.name))
        self.member = member
        self._members = {one.host: one for one in (member, *others)}
        self.memory = dict(PASSWORDS)

    def server(self) -> connect.Server:
        return self.member.login(names.USER_ADMIN, PASSWORDS[names.KEY_ADMIN_PASSWORD])

    def server_as_root(self) -> connect.Server:
        return self.member.login("root", PASSWORDS[names.KEY_ROOT_PASSWORD])

    def accepts(self, one: accounts.Account, password: str, host: str = "") -> bool:
        member = self._members[host or self.member.host]
        try:
            if one.host == "localhost":
                member.login(one.user, password).close()
            else:
                connect.connect_tcp(
                    member.address(), connect.Login(one.user, password, ssl_mode=adoption.REQUIRED)
                ).close()
        except errors.AccessDenied:
            return False
        return True

    def find(self, key: str) -> str | None:
        return self.memory.get(key)


def _watch(own: pod.Pod) -> accounts_watch.AccountsWatch:
    """Of a cluster whose Lease notes no rotation."""
    return accounts_watch.AccountsWatch(own, lambda: False)


@pytest.fixture
def group(template: Template) -> Iterator[Group]:
    with Group(Settings(members=2), template) as servers:
        servers.form()
        for member in servers.members:
            with member.server() as server:
                group_replication.accept_clients(server)
        with servers.members[0].server() as server:
            for one in accounts.ALWAYS:  # the data directory was made while a rotation was open
                accounts.keep_only(server, one, PASSWORDS[one.key])
            server.query("INSTALL COMPONENT 'file://component_validate_password'")
            server.query("SET GLOBAL validate_password.length = 64")
        servers.members[1].await_executed(servers.members[0].observe().executed)
        yield servers


def _noting(watch: accounts_watch.AccountsWatch) -> view.GroupRecord:
    """A Lease that notes the group that the watch's server is in, whether its agent can log in or not."""
    assert isinstance(watch._pod, Pod)
    incarnation = groups.incarnation(watch._pod.member.observe().view_id)
    return view.GroupRecord(None, None, 0.0, note=groups.Note(incarnation=incarnation))


def _look(watch: accounts_watch.AccountsWatch, stage: str = stages.NONE) -> list[str]:
    said: list[str] = []
    watch.look(said.append, _noting(watch), stage)
    return said


def _accepted(own: Pod, *of: accounts.Account) -> list[bool]:
    return [own.accepts(one, PASSWORDS[one.key]) for one in of or accounts.OURS]


def test_what_somebody_dropped_comes_back_on_every_member_and_users_own_is_named(group: Group) -> None:
    primary, replica = group.members
    own, other = Pod(primary), Pod(replica)
    watch, idle = _watch(own), _watch(other)
    assert (_look(watch), watch.trouble) == ([], "")
    before = primary.observe().executed
    assert _look(watch) == []
    assert primary.observe().executed == before, "nothing is written while nothing is wrong"

    primary.query(f"DROP USER {', '.join(map(str, accounts.OURS))}", "DROP TABLE mysqlops.probe")
    replica.await_executed(primary.observe().executed)
    assert _look(idle) == [], "only the primary writes"
    assert [text.partition(" ")[0] for text in _look(watch)] == [one.user for one in accounts.OURS] + ["recreated"]
    replica.await_executed(primary.observe().executed)
    assert _accepted(own) == _accepted(other) == [True] * 3

    primary.query(f"ALTER USER {accounts.APP} IDENTIFIED {accounts.as_hash('by hand')}")
    assert (_look(watch), watch.trouble) == ([], "app has a different password from the Secret")
    primary.query(f"DROP USER {accounts.APP}")
    assert (_look(watch), watch.trouble) == ([], "")


def test_a_second_password_that_somebody_left_goes_unless_a_rotation_is_open(group: Group) -> None:
    """Whoever could change accounts once would come back with it."""
    primary, replica = group.members
    own = Pod(primary)
    watch = _watch(own)
    left = "an-intruder's-own"
    ours = (*accounts.OURS, accounts.LOOPBACK)
    for one in ours:  # one that has become the account's own, and one beside it
        how = "RETAIN CURRENT PASSWORD" if one == accounts.PROBE else ""
        primary.query(f"ALTER USER {one} IDENTIFIED {accounts.as_hash(left)} {how}")
        if not how:
            mine = accounts.as_hash(PASSWORDS[one.key])
            primary.query(f"ALTER USER {one} IDENTIFIED {mine} RETAIN CURRENT PASSWORD")
    for one in (accounts.APP, accounts.ROOT):
        primary.query(f"ALTER USER {one} IDENTIFIED {accounts.as_hash(PASSWORDS[one.key])} RETAIN CURRENT PASSWORD")
    for stage in (stages.PREPARED, stages.SWITCHED, "", stages.PREPARED, stages.NONE, "", stages.NONE):
        assert _look(watch, stage) == [], stage
    with primary.server() as server:
        assert set(accounts.with_two_passwords(server, ours)) == set(ours)
        assert len(_look(watch)) == len(ours)
        assert accounts.with_two_passwords(server, ours) == []
        assert [own_accounts.accepts(server, one, left) for one in ours] == [False] * len(ours)
    assert _accepted(own) == [True] * 3
    assert "'app'@'%' has a second password, and no rotation is open: ALTER USER" in watch.trouble
    assert "'root'@'localhost' has a second password" in watch.trouble
    assert _look(watch) == []
    with primary.server() as server:
        for one in (accounts.APP, accounts.ROOT):
            server.query(f"ALTER USER {one} DISCARD OLD PASSWORD")
    assert (_look(watch), watch.trouble) == ([], "")
    replica.await_executed(primary.observe().executed)
    assert _accepted(Pod(replica)) == [True] * 3


def test_a_second_password_on_a_replica_alone_is_named(group: Group) -> None:
    _, replica = group.members
    watch, how = _watch(Pod(replica)), "RETAIN CURRENT PASSWORD"
    by_hand = f"ALTER USER {accounts.PROBE} IDENTIFIED {accounts.as_hash('left')} {how}"
    replica.query(
        "SET GLOBAL super_read_only = OFF", "SET sql_log_bin = OFF", by_hand, "SET GLOBAL super_read_only = ON"
    )
    before = replica.observe().executed
    assert (_look(watch), watch.trouble) == ([], "")
    assert _look(watch) == []
    assert f"{accounts.PROBE} has a second password" in watch.trouble
    assert replica.observe().executed == before


def test_the_watch_never_logs_in_with_a_password_that_may_be_wrong(group: Group) -> None:
    primary, _ = group.members
    watch = _watch(Pod(primary))
    by_hand = accounts.as_hash("by-hand")
    primary.query(f"ALTER USER {accounts.APP} IDENTIFIED {by_hand} FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 1")
    assert (_look(watch), watch.trouble) == ([], "app has a different password from the Secret")
    connect.connect_tcp(primary.address(), connect.Login(names.USER_APP, "by-hand", ssl_mode=adoption.REQUIRED)).close()


def test_an_agent_without_a_session_from_before_makes_its_account_again_as_root(group: Group) -> None:
    primary, _ = group.members
    own = Pod(primary)
    primary.query(f"DROP USER {accounts.ADMIN}")
    with pytest.raises(errors.AccessDenied):
        own.server()
    assert _look(_watch(own)) == ["mysqlops does not exist: restored it"]
    own.server().close()


def test_a_member_whose_data_applied_the_drop_joins_all_the_same(group: Group) -> None:
    """It is outside the group: nobody replicates anything to it."""
    primary, replica = group.members
    own, other = Pod(primary), Pod(replica, (primary,))
    primary.query(f"DROP USER {accounts.REPLICATION}, {accounts.ADMIN}")
    replica.await_executed(primary.observe().executed)
    replica.leave()
    assert len(_look(_watch(own))) == 2
    held = replica.observe().executed
    assert _look(_watch(other)) == ["mysqlops could not log in: recreated it"]
    rotation.admit(other, [primary.host])
    assert _accepted(other, accounts.REPLICATION, accounts.ADMIN) == [True, True]
    assert (replica.observe().executed, replica.observe().writable) == (held, False)
    replica.join(primary)
    primary.await_members(primary, replica)
    replica.await_executed(primary.observe().executed)
    eventually(lambda: replica.observe().state == view.ONLINE, "it has applied what made the accounts again")


def test_a_password_that_the_group_does_not_know_is_given_to_nobody(group: Group) -> None:
    """Somebody edited the Secret, and a pod started since: its memory is wrong, and its data right."""
    primary, replica = group.members
    other = Pod(replica, (primary,))
    replica.leave()
    other.memory[names.KEY_REPLICATION_PASSWORD] = "by hand"
    rotation.admit(other, [primary.host])
    assert _accepted(other, accounts.REPLICATION) == [True]
    assert not other.accepts(accounts.REPLICATION, "by hand")
