"""An agent that its mysqld refuses: each try is a line in mysqld's log."""

from __future__ import annotations

from unittest.mock import Mock

from mysqlops import errors
from mysqlops.agent import health, loop, settings
from mysqlops.clock import SystemClock


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
        assert "do not belong together" in turning._observe()[1]
        clock.seconds += 0.25
    assert server.observe.call_count == 3
    server.observe.side_effect = None
    clock.seconds += 5
    assert turning._observe()[1] == ""
