"""What an agent tries again, and how long it pauses: each try costs somebody."""

from __future__ import annotations

import itertools
from unittest.mock import Mock

from mysqlops import errors
from mysqlops.agent import health, loop, settings
from mysqlops.clock import SystemClock
from mysqlops.core import publication, view
from mysqlops.planning import stuck_group


class _Clock(SystemClock):
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_a_refused_agent_tries_again_after_seconds_and_not_at_each_turn() -> None:
    clock, own, server = _Clock(), Mock(), Mock()
    own.me = settings.Settings("mysql", "db", "mysql-0", "uid")
    server.observe.side_effect = errors.AccessDenied("1045")
    turning = loop.Loop(own, server, Mock(), Mock(), health.Health(clock), clock=clock)
    for _ in range(41):
        assert "do not match" in turning._observe()[1]
        clock.seconds += 0.25
    assert server.observe.call_count == 3
    server.observe.side_effect = None
    clock.seconds += 5
    assert turning._observe()[1] == ""


def test_a_refused_agent_does_not_say_that_its_server_is_down() -> None:
    """The server may serve: of two such, the third would think that its group is stuck, and leave it."""
    clock, own, server, said = _Clock(), Mock(), Mock(), list[str]()
    own.me, own.volume.return_value = settings.Settings("mysql", "db", "mysql-0", "uid"), (0, 0)
    own.is_handing_over.return_value = False
    turning = loop.Loop(own, server, Mock(), Mock(), health.Health(clock), clock=clock)
    turning._publisher = Mock(turned_at=0.0, record=None, seen=None, sightings=stuck_group.Sightings())
    turning._publisher.offer.side_effect = lambda news: said.append(news.seen.state)
    server.observe.side_effect = errors.AccessDenied("1045")
    turning.turn()
    server.observe.side_effect, server.observe.return_value = None, None
    clock.seconds += 6.0
    turning.turn()
    assert said == [publication.UNKNOWN, view.DOWN]


def test_a_copy_that_fails_is_tried_again_ever_later_and_a_join_every_eight_seconds() -> None:
    """Each copy takes its donor's time."""
    for name, longest in (("copy", 64.0), ("join", 8.0)):
        clock, tries = _Clock(), list[float]()
        turning = loop.Loop(Mock(), Mock(), Mock(), Mock(), health.Health(clock), clock=clock)
        turning._background = Mock()
        turning._background.run.side_effect = lambda *_, now=clock, made=tries: made.append(now.seconds)
        while clock.seconds < 400:
            turning._start(name, Mock())
            clock.seconds += 1.0
        pauses = [after - before for before, after in itertools.pairwise(tries)]
        assert pauses == sorted(pauses), "each at least as long as the one before"
        assert (pauses[0], pauses[-1]) == (1.0, longest)


def test_the_group_is_formed_at_once_although_joins_have_just_failed() -> None:
    """There was none to join. If forming it fails, it is tried again with pauses like anything else."""
    clock, tries = _Clock(), list[tuple[str, float]]()
    turning = loop.Loop(Mock(), Mock(), Mock(), Mock(), health.Health(clock), clock=clock)
    turning._background = Mock()
    turning._background.run.side_effect = lambda name, _: tries.append((name, clock.seconds))
    for second, name in enumerate(["join"] * 4 + ["form"] * 10):
        clock.seconds = float(second)
        turning._start(name, Mock())
    assert tries == [("join", 0.0), ("join", 1.0), ("join", 3.0), ("form", 4.0), ("form", 12.0)]
