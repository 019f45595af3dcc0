"""Two groups of one name run for a moment, and an event of a user writes in the one that does not count."""

from __future__ import annotations

import pytest

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


def _world(monkeypatch: pytest.MonkeyPatch) -> run.Run:
    """mysql-0 fails to form the group four times, so that others go first; its fifth START takes more than a minute.
    Wherever it leads and lets no client in, an event commits all the time."""
    made = run.Run(_SEED, "base", [Event(_POWER_FAILS, "power-cut", 1, 4.0)])
    world, real, starts = made.world, Mysqld.start_group_replication, list[Mysqld]()

    def start(self: Mysqld) -> Operation:
        is_forming = self.pod == "mysql-0" and self.variables["group_replication_bootstrap_group"]
        if not is_forming or world.now() < _POWER_FAILS:
            return real(self)
        starts.append(self)
        if len(starts) < 5:
            failed = Operation()
            failed.is_done, failed.trouble = True, "3096 the disk is slow"
            return failed
        draw, self.random = self.random, _Slow()  # type: ignore[assignment]
        try:
            return real(self)
        finally:
            self.random = draw

    def event() -> None:
        world.scheduler.at(world.now() + 0.2, event)
        server = world.server("mysql-0")
        seat = server.seat if server is not None and server.is_up else None
        if seat is None or server is None or seat.state != ONLINE or server.variables["super_read_only"]:
            return
        if server.variables["offline_mode"]:
            world.replication.write(seat, _OF_EVENTS)

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


def test_without_that_the_members_differ_under_the_same_gtids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "before_leaving", lambda *_: None)
    monkeypatch.setattr(origin, "before_joining", lambda *_, **__: None)
    result = _world(monkeypatch).go()
    assert [kind for kind, _, _ in result.violations] == ["members differ"]
