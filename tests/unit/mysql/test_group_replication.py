"""In which order a server is started and stopped: whoever dies between two statements leaves nothing dangerous (S1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mysqlops import errors
from mysqlops.mysql import connect, group_replication

LOGIN = connect.Login("replication", "secret")
ON, OFF = (f"SET GLOBAL group_replication_bootstrap_group = {value}" for value in ("ON", "OFF"))
NAMED, BLOCKED = "SET GLOBAL group_replication_group_name = %s", "SET GLOBAL offline_mode = ON"
STOPPED, READ_ONLY = "STOP GROUP_REPLICATION", "SET GLOBAL super_read_only = ON"


class Server(connect.Server):
    """Notes what it is asked; a statement that begins with one of `failures` fails."""

    def __init__(self, failures: Mapping[str, Exception] | None = None) -> None:
        self._connection = cast("Any", SimpleNamespace())
        self.failures, self.done = failures or {}, list[str]()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        self.done.append(" ".join(sql.split()))
        for beginning, error in self.failures.items():
            if sql.startswith(beginning):
                raise error
        return [("2026-01-01 00:00:00",)] if "NOW(6)" in sql else []

    def execute_secret(self, sql: str, what: str) -> None:
        self.query(what)

    def place(self, beginning: str) -> int:
        """Of the last statement that begins so; each was asked."""
        return max(at for at, text in enumerate(self.done) if text.startswith(beginning))


def _start(server: Server, permit: Callable[[], None] = lambda: None, *, bootstrap: bool = True) -> None:
    group_replication.start(server, LOGIN, group_name="g", seeds=["h"], bootstrap=bootstrap, permit=permit)


def test_the_dangerous_value_is_set_last_and_cleared_before_anything_and_right_after() -> None:
    server = Server()
    _start(server, lambda: server.done.append("permit"))
    assert server.done[0] == NAMED, "refused during an earlier START, which nothing else may disturb"
    assert server.done[1] == OFF
    permitted = server.done.index("permit")
    assert server.place(BLOCKED) < permitted, "nobody gets into a group that may not count"
    assert server.place("SET SESSION wait_timeout") < permitted, "else a pause in between would be noticed by nobody"
    assert server.done[permitted + 1 :] == [ON, "START GROUP_REPLICATION (forming the group)", OFF]


def test_without_the_permit_nothing_is_formed() -> None:
    def refused() -> None:
        raise errors.Conflict("the Lease has changed")

    server = Server()
    with pytest.raises(errors.Conflict):
        _start(server, refused)
    assert ON not in server.done
    assert not any(one.startswith("START") for one in server.done)


def test_a_start_that_fails_leaves_no_flag_either() -> None:
    server = Server({"START": errors.StatementFailed("no", errno=3092)})
    with pytest.raises(errors.StatementFailed):
        _start(server)
    assert server.done.index(ON) < server.place(OFF)


def test_whoever_joins_clears_what_an_earlier_agent_left_and_never_sets_it() -> None:
    server = Server()
    _start(server, bootstrap=False)
    assert ON not in server.done
    assert server.done.index(OFF) < server.place("START GROUP_REPLICATION")


@pytest.mark.parametrize("errno", [None, 3093])
def test_whoever_leaves_or_had_left_refuses_writes_from_then_on(errno: int | None) -> None:
    server = Server({STOPPED: errors.StatementFailed("it is not running", errno=errno)} if errno else None)
    group_replication.stop(server)
    assert server.done == [STOPPED, READ_ONLY]


def test_whoever_could_not_leave_stays_as_it_is() -> None:
    """A primary that is still in its group would be left read-only, and nobody would let it write again."""
    server = Server({STOPPED: errors.StatementFailed("timeout", errno=3094)})
    with pytest.raises(errors.StatementFailed):
        group_replication.stop(server)
    assert server.done == [STOPPED]
