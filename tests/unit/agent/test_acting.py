"""What was decided is sent soon, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from mysqlops import errors
from mysqlops.agent import acting, member, pod
from mysqlops.core import view
from mysqlops.mysql import connect
from mysqlops.planning import member_actions
from tests.unit.agent.test_obituary import _Clock

_TO = view.GroupMember("uuid-1", "mysql-1.mysql.db.svc", view.ONLINE, "replica")
_LATE = [
    (member_actions.AcceptClients("why"), "SET GLOBAL offline_mode = OFF"),
    (member_actions.Leave("why"), "STOP GROUP_REPLICATION"),
    (member_actions.HandOver(_TO, "why"), "SELECT group_replication_set_as_primary(%s, %s)"),
]


class _Server(connect.Server):
    def __init__(self, said: list[str]) -> None:
        self._connection, self._said = cast("Any", type("", (), {})()), said

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        self._said.append(sql)
        return []

    def close(self) -> None:
        """Nothing to close."""


class _World:
    """`meanwhile` comes while the agent connects, which takes as long as it likes."""

    me = None

    def __init__(self) -> None:
        self.clock, self.said = _Clock(), list[str]()
        self.meanwhile: Callable[[], None] = lambda: None
        self.acting = acting.Acting(member.Member(cast("pod.Pod", self)), self.clock)

    def server(self) -> connect.Server:
        self.meanwhile()
        return _Server(self.said)

    def act(self, action: member_actions.Action) -> None:
        self.acting.look(action, self.clock.seconds)
        carry_out = self.acting.of(action, "")
        assert carry_out is not None
        carry_out()

    def pause(self) -> None:
        self.clock.seconds += 60.0


@pytest.mark.parametrize(("action", "statement"), _LATE)
def test_a_decision_that_holds_is_carried_out_by_a_session_that_waits_for_nobody(
    action: member_actions.Action, statement: str
) -> None:
    world = _World()
    world.act(action)
    assert world.said[:2] == ["SET SESSION wait_timeout = 15", statement]


@pytest.mark.parametrize(("action", "statement"), _LATE)
def test_an_agent_that_was_paused_meanwhile_looks_again(action: member_actions.Action, statement: str) -> None:
    """An expelled server would let clients read; the others may need the vote of the one that leaves."""
    world = _World()
    world.meanwhile = world.pause
    with pytest.raises(errors.StepFailed, match="looking again"):
        world.act(action)
    assert statement not in world.said


@pytest.mark.parametrize(("action", "statement"), _LATE)
def test_what_the_loop_has_decided_otherwise_meanwhile_is_not_done(
    action: member_actions.Action, statement: str
) -> None:
    world = _World()
    world.meanwhile = lambda: world.acting.look(member_actions.BlockClients("fenced"), world.clock.seconds)
    with pytest.raises(errors.StepFailed, match="looking again"):
        world.act(action)
    assert statement not in world.said


def test_refusing_clients_is_never_too_late() -> None:
    world = _World()
    world.meanwhile = world.pause
    world.act(member_actions.BlockClients("why"))
    assert world.said == ["SET GLOBAL offline_mode = ON"]
