"""The watch of the accounts: what is ours is restored on the primary, what is the users' is only reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import accounts_watch, pod, rotation, settings
from mysqlops.core import group, names, view
from mysqlops.core import rotation as stages
from mysqlops.mysql import accounts, connect, group_replication, own_accounts
from tests.unit.fakes.accounts import Server
from tests.unit.planning.test_membership import server

KEYS = {one.key for one in (*accounts.ALWAYS, accounts.BACKUP)}
NOTED = view.GroupRecord("", None, 0.0, note=group.Note(incarnation="7"))
SECRET = {key: f"pw-{key}" for key in KEYS}


class Pod(pod.Pod):
    def __init__(self, server: Server) -> None:
        super().__init__(settings.Settings("mysql", "db", "mysql-0", "uid"))
        self.there, self.memory, self.refuses = server, dict(SECRET), False
        self.logins: list[str] = []

    def server(self) -> connect.Server:
        self.logins.append("agent")
        if self.refuses:
            raise errors.AccessDenied("mysqlops")
        return self.there

    def server_as_root(self) -> connect.Server:
        self.logins.append("root")
        return self.there

    def find(self, key: str) -> str | None:
        return self.memory.get(key)


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = Server(SECRET)
        self.pod = Pod(self.server)
        self.noted: bool | None = False
        self.watch = accounts_watch.AccountsWatch(self.pod, lambda: self.noted)
        self.said: list[str] = []
        self.record: view.GroupRecord | None = NOTED
        self.lead("primary")
        monkeypatch.setattr(group_replication, "observe", lambda _: self.seen)

    def lead(self, role: str, **more: Any) -> None:
        member = view.GroupMember("me", "mysql-0", view.ONLINE, role)
        facts = {"state": view.ONLINE, "members": (member,), "writable": role == "primary", "view_id": "7:3", **more}
        self.seen = server(**facts)

    def look(self, stage: str = stages.NONE) -> str:
        self.watch.look(self.said.append, self.record, stage)
        return self.watch.trouble

    def row(self, one: accounts.Account) -> Any:
        return self.server.users[one.user, one.host]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_accounts_as_they_must_be_are_left_alone_and_cost_one_connection(world: World) -> None:
    assert [world.look() for _ in range(3)] == ["", "", ""]
    assert (world.server.done, world.said, world.pod.logins) == ([], [], ["agent"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"locked": "Y"}, "is locked"),
        ({"expired": "Y"}, "has an expired password"),
        ({"lifetime": 90}, "has a password that expires"),
        ({"ssl": ""}, "does not require TLS"),
        ({"grants": []}, "may not BACKUP_ADMIN, CONNECTION_ADMIN"),
        ({"passwords": ["stolen"]}, "has a different password from the Secret"),
    ],
)
def test_what_somebody_did_to_an_account_of_ours_is_undone(change: dict[str, Any], said: str, world: World) -> None:
    vars(world.row(accounts.REPLICATION)).update(change)
    assert world.look() == ""
    assert said in world.said[0]
    assert own_accounts.differs_because(world.server, accounts.REPLICATION) == ""
    assert world.row(accounts.REPLICATION).passwords == [SECRET[names.KEY_REPLICATION_PASSWORD]]
    assert not any(SECRET[names.KEY_REPLICATION_PASSWORD] in text for text in (*world.said, *world.server.done))


def test_an_account_that_was_dropped_is_made_again_and_one_that_was_never_made_is_not(world: World) -> None:
    del world.server.users[accounts.PROBE.user, "%"]
    del world.server.users[accounts.BACKUP.user, "%"]
    del world.pod.memory[names.KEY_BACKUP_PASSWORD]  # no backup was ever made
    assert world.look() == ""
    assert (accounts.PROBE.user, "%") in world.server.users
    assert (accounts.BACKUP.user, "%") not in world.server.users


def test_what_cannot_be_restored_is_tried_once_and_reported(world: World) -> None:
    """Each attempt is a transaction of the group."""
    world.row(accounts.ADMIN).locked = "Y"
    world.server.is_obstinate = True
    assert world.look() == f"{names.USER_ADMIN} is locked"
    tried = len(world.server.done)
    assert tried > 0
    assert world.look() == f"{names.USER_ADMIN} is locked"
    assert len(world.server.done) == tried


@pytest.mark.parametrize("one", [accounts.APP, accounts.ROOT], ids=str)
def test_a_users_own_account_is_reported_and_left_as_it_is(one: accounts.Account, world: World) -> None:
    world.row(one).passwords = ["theirs"]
    assert world.look() == f"{one.user} has a different password from the Secret"
    assert (world.row(one).passwords, world.server.done) == (["theirs"], [])
    del world.server.users[one.user, one.host]
    assert world.look() == ""


def test_a_second_password_is_dropped_at_the_second_look_and_never_during_a_rotation(world: World) -> None:
    world.row(accounts.PROBE).passwords.append("intruder's")
    assert world.look("open") == ""
    assert world.look("open") == ""
    assert world.look() == ""  # a rotation may have begun since the Secret was read
    assert len(world.row(accounts.PROBE).passwords) == 2
    assert world.look() == ""
    assert world.row(accounts.PROBE).passwords == [SECRET[names.KEY_PROBE_PASSWORD]]
    assert world.said == [f"dropped the second password of {accounts.PROBE}: no rotation is open"]


@pytest.mark.parametrize("noted", [True, None])
def test_a_rotation_that_only_the_lease_notes_keeps_its_passwords(noted: bool | None, world: World) -> None:
    """Somebody deleted the previous passwords from the Secret; or the Lease cannot be read."""
    world.noted = noted
    for one in (accounts.PROBE, accounts.APP):
        world.row(one).passwords.append("previous")
    assert world.look() == ""
    told = world.look()
    assert told.count("mysqlops users rotate mysql --finish") == (2 if noted else 0)
    world.lead("replica")
    assert ("the Secret does not show any more" in world.look()) == bool(noted)
    assert [len(world.row(one).passwords) for one in (accounts.PROBE, accounts.APP)] == [2, 2]
    world.lead("primary")
    world.noted = False
    world.look()
    assert [len(world.row(one).passwords) for one in (accounts.PROBE, accounts.APP)] == [1, 2]


def test_a_second_password_of_a_user_or_on_a_replica_is_named_with_the_command(world: World) -> None:
    world.row(accounts.APP).passwords.append("old")
    world.look()
    assert f"ALTER USER {accounts.APP} DISCARD OLD PASSWORD" in world.look()
    world.lead("replica")
    world.look()
    assert f"{accounts.APP} has a second password" in world.look()
    assert (len(world.row(accounts.APP).passwords), world.server.done) == (2, [])


@pytest.mark.parametrize("facts", [{"role": "replica"}, {"role": "primary", "writable": False}])
def test_who_does_not_lead_changes_nothing(facts: dict[str, Any], world: World) -> None:
    world.row(accounts.REPLICATION).locked = "Y"
    world.lead(**facts)
    assert (world.look(), world.server.done) == ("", [])


def test_the_table_for_test_writes_is_made_again(world: World) -> None:
    world.server.has_probe = False
    world.look()
    assert (world.server.has_probe, world.said) == (True, ["recreated mysqlops.probe"])


def test_a_lost_connection_is_replaced_and_a_failure_lets_it_go(world: World) -> None:
    world.look()
    world.pod.there = Server(SECRET)
    world.server.is_gone = True
    world.look()
    assert (world.server.is_closed, world.pod.logins) == (True, ["agent", "agent"])
    world.pod.there.is_gone = True
    with pytest.raises(errors.ConnectFailed):
        world.look()
    assert world.pod.there.is_closed


@pytest.mark.parametrize(("state", "made"), [(view.OFFLINE, 1), (view.ONLINE, 0)])
def test_without_its_own_account_an_agent_comes_in_as_root_and_makes_it_outside_a_group_only(
    state: str, made: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside, the primary makes it, and the group replicates that."""
    made_by: list[Any] = []
    monkeypatch.setattr(rotation, "make_admin", made_by.append)
    world.pod.refuses = True
    world.lead("replica", state=state)
    world.look()
    assert (world.pod.logins, made_by) == (["agent", "root"], [world.pod] * made)


def test_who_is_refused_also_as_root_says_which_account_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(_: Pod) -> connect.Server:
        raise errors.AccessDenied("root")

    monkeypatch.setattr(Pod, "server_as_root", deny)
    world.pod.refuses = True
    with pytest.raises(errors.AccessDenied, match="mysqlops"):
        world.look()


def test_nothing_is_written_in_a_group_that_the_lease_does_not_note(world: World) -> None:
    """Another member may have formed the cluster's group, which gives the same numbers to other transactions."""
    world.row(accounts.REPLICATION).locked = "Y"
    for record in (None, view.GroupRecord("", None, 0.0), replace(NOTED, note=group.Note(incarnation="8"))):
        noted, world.record = world.record, record
        assert (world.look(), world.server.done, world.said) == ("", [], [])
        world.record = noted
    world.look()
    assert world.row(accounts.REPLICATION).locked != "Y"
