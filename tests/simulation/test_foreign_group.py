"""Two groups of one name run for a moment, and an event of a user writes in the one that does not count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from mysqlops.core import group
from mysqlops.planning import origin
from tests.simulation import run
from tests.simulation.faults import Event
from tests.simulation.group import ONLINE
from tests.simulation.mysqld import Mysqld, Operation

_POWER_FAILS, _OF_EVENTS = 60.0, -1
_SEED = 3  # all members hold the same when the power fails: another one may form the group


class _Slow:
    """Draws the time of a START on a stalled disk: the others stop waiting for the Lease's holder a minute after it has
    taken it."""

    def uniform(self, _low: float, _high: float) -> float:
        return 75.0


def _failed() -> Operation:
    failed = Operation()
    failed.is_done, failed.trouble = True, "3096 the disk is slow"
    return failed


def _slowly(server: Mysqld, start: Callable[[Mysqld], Operation], agent_dies: run.Run | None) -> Operation:
    if agent_dies is not None:
        kill = partial(agent_dies.faults._strike, Event(0.0, "kill-agent", 0))
        agent_dies.world.scheduler.at(agent_dies.world.now() + 2.0, kill)
    draw, server.random = server.random, _Slow()  # type: ignore[assignment]
    try:
        return start(server)
    finally:
        server.random = draw


def _world(monkeypatch: pytest.MonkeyPatch, then: str = "", *, agent_dies: bool = False) -> run.Run:
    """mysql-0 fails to form the group four times, so that others go first; its fifth START takes more than a minute.
    Wherever it leads and lets no client in, an event commits all the time. With `then` its agent does not reach
    the API server while it is in its group, and that fault strikes it after the first one. `agent_dies` during that
    START."""
    made = run.Run(_SEED, "base", [Event(_POWER_FAILS, "power-cut", 1, 4.0)])
    world, real, starts = made.world, Mysqld.start_group_replication, list[Mysqld]()
    faults = [Event(0.0, then, 0, 30.0), Event(0.0, "cut-agent-off", 0, 20.0)] if then else []

    def start(self: Mysqld) -> Operation:
        is_forming = self.pod == "mysql-0" and self.variables["group_replication_bootstrap_group"]
        if not is_forming or world.now() < _POWER_FAILS:
            return real(self)
        starts.append(self)
        return _slowly(self, real, made if agent_dies else None) if len(starts) == 5 else _failed()

    def event() -> None:
        world.scheduler.at(world.now() + 0.05, event)
        server = world.server("mysql-0")
        seat = server.seat if server is not None and server.is_up else None
        if len(starts) == 5 and seat is not None and len(faults) == 2:
            made.faults._strike(faults.pop())
        if seat is None or server is None or seat.state != ONLINE or server.variables["super_read_only"]:
            return
        if server.variables["offline_mode"]:
            world.replication.write(seat, _OF_EVENTS)
            if faults:
                made.faults._strike(faults.pop())

    monkeypatch.setattr(Mysqld, "start_group_replication", start)
    world.scheduler.at(_POWER_FAILS, event)
    return made


def _formed(result: run.Result) -> list[str]:
    return [text.split()[0] for at, text in result.trace if at > _POWER_FAILS and " FORMS group" in text]


def test_what_an_event_wrote_in_a_group_that_does_not_count_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _world(monkeypatch).go()
    assert _formed(result) == ["mysql-1", "mysql-0"], "choose another seed"
    assert result.violations == []
    assert len(result.outside) == 1
    assert "mysql-0: waiting: the group continued without it: mysqlops member rebuild" in result.outside[0]


@pytest.mark.parametrize("fault", ["delete-pod", "lose-node", "kill-mysqld"])
def test_so_it_does_if_it_ends_before_its_agent_has_seen_in_which_group_it_is(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    result = _world(monkeypatch, fault).go()
    assert result.faults.get(fault) == 1, "choose another seed"
    assert result.violations == []
    assert any("mysql-0: waiting: the group continued without it" in text for text in result.outside)


def test_so_it_does_if_its_agent_dies_and_the_next_one_sees_it_outside_any_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its START goes on, and ends in a group that does not count: until then the mark must stay."""
    result = _world(monkeypatch, "kill-mysqld", agent_dies=True).go()
    assert (result.faults.get("kill-agent"), result.faults.get("kill-mysqld")) == (1, 1), "choose another seed"
    assert result.violations == []
    assert any("mysql-0: waiting: the group continued without it" in text for text in result.outside)


def test_without_a_mark_from_the_beginning_it_would_come_back_with_another_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group, "forming", _unmarked(group.forming))
    result = _world(monkeypatch, "lose-node").go()
    assert [kind for kind, _, _ in result.violations] == ["members differ"]


def _unmarked(forming: Callable[..., group.Note]) -> Callable[..., group.Note]:
    def unmarked(*words: Any) -> group.Note:
        return replace(forming(*words), elsewhere={}, shared={})

    return unmarked


def test_without_that_the_members_differ_under_the_same_gtids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "before_leaving", lambda *_: None)
    monkeypatch.setattr(origin, "before_joining", lambda *_, **__: None)
    result = _world(monkeypatch).go()
    assert [kind for kind, _, _ in result.violations] == ["members differ"]
