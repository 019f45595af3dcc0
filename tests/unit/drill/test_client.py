"""The client that knows the members' names, without a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import pytest

from mysqlops import errors
from mysqlops.drill.clients import client
from mysqlops.drill.ledger import figures
from mysqlops.mysql import connect

HOSTS = ["mysql-0", "mysql-1", "mysql-2"]


class Server:
    """One connection."""

    def __init__(self, host: str, *, read_only: bool) -> None:
        self.host, self.read_only, self.is_closed = host, read_only, False

    def scalar(self, _: str) -> int:
        return int(self.read_only)

    def close(self) -> None:
        self.is_closed = True


class Group:
    """Who answers, and who takes writes; `asked` says who was connected to, in order."""

    def __init__(self, primary: str, gone: tuple[str, ...] = ()) -> None:
        self.primary, self.gone = primary, gone
        self.asked: list[str] = []
        self.opened: list[Server] = []

    def connect(self, host: str, _: float, __: float) -> connect.Server:
        self.asked.append(host)
        if host in self.gone:
            raise errors.ConnectFailed(f"{host} refuses")
        self.opened.append(Server(host, read_only=host != self.primary))
        return cast("connect.Server", self.opened[-1])


@pytest.fixture(autouse=True)
def _waits_for_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def _found(find: Callable[[], connect.Server]) -> str:
    return cast("Server", find()).host


def test_it_keeps_the_member_that_takes_writes_and_leaves_the_others() -> None:
    group = Group("mysql-1")
    assert _found(client.Members(HOSTS, group.connect, 2.0).find) == "mysql-1"
    assert [(one.host, one.is_closed) for one in group.opened] == [("mysql-0", True), ("mysql-1", False)]


def test_once_it_failed_it_asks_the_others_first_and_closes_those_that_take_no_writes() -> None:
    group = Group("mysql-1")
    members = client.Members(HOSTS, group.connect, 2.0)
    members.find()
    group.primary, group.gone, group.asked = "mysql-0", ("mysql-1",), []
    assert _found(members.find) == "mysql-0"
    assert group.asked == ["mysql-2", "mysql-0"]
    assert [one.is_closed for one in group.opened if one.host == "mysql-2"] == [True]


def test_while_nobody_takes_writes_it_asks_each_once_and_says_so() -> None:
    group = Group("", gone=("mysql-2",))
    with pytest.raises(errors.ConnectFailed, match="no member takes writes"):
        client.Members(HOSTS, group.connect, 2.0).find()
    assert sorted(group.asked) == HOSTS
    assert all(one.is_closed for one in group.opened)


def test_the_ledger_knows_it_by_its_name() -> None:
    assert client.NAMED == figures.NAMED
