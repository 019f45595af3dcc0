"""To whom a primary hands over, what is ready before the roles change, and what is said of a hand-over that did not
end in time (bug 15)."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mysqlops import errors
from mysqlops.agent import handover, member, pod
from mysqlops.core import view
from mysqlops.mysql import connect
from tests.unit.planning.test_membership import group_of_three, server


class Stuck(connect.Server):
    """A session holds the global lock, and the hand-over waits for it."""

    def __init__(self, *, is_up: bool) -> None:
        self._connection, self._is_up = cast("Any", SimpleNamespace()), is_up

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        if "set_as_primary" in sql or not self._is_up:
            raise errors.ConnectFailed("SELECT group_replication_set_as_primary(%s, %s) failed with MySQL error 2013")
        return [(63, "dumper", 9, "the lock of FLUSH TABLES WITH READ LOCK")] if "metadata_locks" in sql else []

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("is_up", "why"),
    [
        (True, ": it waits for connection 63 of dumper, which holds the lock of FLUSH TABLES WITH READ LOCK"),
        (False, ""),
    ],
)
def test_it_may_still_happen_and_who_is_in_the_way_is_named(is_up: bool, why: str) -> None:
    own = SimpleNamespace(me=None, server=lambda: Stuck(is_up=is_up))
    with pytest.raises(errors.StepFailed) as failed:
        member.Member(cast("pod.Pod", own)).hand_over("uuid")
    assert str(failed.value) == f"the switchover has not ended, and may still happen{why}"


def test_a_fenced_member_never_follows() -> None:
    """It would refuse the clients that come to it."""
    primary = server(state=view.ONLINE, members=group_of_three("primary"))
    assert handover.successor(primary, None).pod == "mysql-1"

    def fenced(*pods: str) -> view.GroupRecord:
        return view.GroupRecord("mysql-0", None, 0.0, fenced=dict.fromkeys(pods, "slow disk"))

    assert handover.successor(primary, fenced("mysql-1")).pod == "mysql-2"
    with pytest.raises(errors.Refused) as caught:
        handover.successor(primary, fenced("mysql-1", "mysql-2"))
    assert [one.code for one in caught.value.reasons] == ["no-successor"]


class Recorded(connect.Server):
    """Notes what it is asked in a journal that all connections share; a lost one answers nothing."""

    def __init__(self, number: int, journal: list[str], *, is_lost: bool = False) -> None:
        self._number, self._journal, self._is_lost = number, journal, is_lost
        journal.append(f"{number} opened")

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        if self._is_lost:
            raise errors.ConnectFailed("lost")
        self._journal.append(f"{self._number} {sql}")
        return []

    def close(self) -> None:
        self._journal.append(f"{self._number} closed")


BLOCKED = "SET GLOBAL offline_mode = ON"


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("kept", ["1 opened", "roles", f"1 {BLOCKED}", "1 closed"]),
        ("lost", ["1 opened", "roles", "2 opened", f"2 {BLOCKED}", "2 closed", "1 closed"]),
        ("refused", ["roles", "2 opened", f"2 {BLOCKED}", "2 closed"]),
    ],
)
def test_clients_do_not_wait_for_a_connection_once_the_roles_have_changed(first: str, told: list[str]) -> None:
    journal, made = list[str](), list[int]()

    def server() -> connect.Server:
        made.append(len(made) + 1)
        if first == "refused" and len(made) == 1:
            raise errors.ConnectFailed("too many")
        return Recorded(len(made), journal, is_lost=first == "lost" and len(made) == 1)

    own = SimpleNamespace(me=None, server=server)
    with member.Member(cast("pod.Pod", own)).blocker() as block:
        journal.append("roles")
        block()
    assert journal == told
