"""The simulator itself: a seed is one world, and models do what they claim (docs/simulation.md)."""

from __future__ import annotations

from tests.simulation import run
from tests.simulation.faults import Event
from tests.simulation.volume import Volume


def test_two_runs_of_a_seed_are_the_same_world() -> None:
    first, second = run.run(3, "base"), run.run(3, "base")
    assert first.trace == second.trace
    assert first.acknowledged > 0


def test_a_world_without_faults_is_whole_and_everything_acknowledged_is_everywhere() -> None:
    result = run.run(1, "base", [])
    assert result.violations == []
    assert result.outside == []
    assert result.acknowledged > 50


def test_a_crash_of_the_primary_is_a_failover_without_loss() -> None:
    result = run.run(1, "base", [Event(40.0, "kill-mysqld", 0, 4.0)])
    assert result.violations == []
    assert any("expels mysql-0" in text or "is elected in group 01" in text for _, text in result.trace)


def test_power_takes_the_tail_of_the_relay_log_and_kill_does_not() -> None:
    volume = Volume("uid", "data-mysql-0", "node-a")
    volume.receive(("g", 1), 10)
    volume.receive(("g", 2), 20)
    volume.unsynced.discard(("g", 1))
    volume.lose_tail()
    assert volume.relay.text() == "g:1"
    volume.apply()
    assert volume.executed.text() == "g:1"
    assert not len(volume.relay)
