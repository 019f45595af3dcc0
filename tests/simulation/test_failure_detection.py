"""Worlds in which agents hear each other (docs/adr/0061): a lost member is removed sooner, a live one comes back."""

from __future__ import annotations

import pytest

from tests.simulation import run
from tests.simulation.faults import Event

_FAST, _SAFE = 1, 2  # seeds of either kind of world
_FAULT_AT = 60.0


def _removed_after(result: run.Result) -> float | None:
    return next((at - _FAULT_AT for at, text in result.trace if at > _FAULT_AT and " removes mysql-0, " in text), None)


@pytest.mark.parametrize("kind", ["stop-mysqld", "freeze-node", "partition", "lose-node"])
def test_a_member_that_is_lost_is_removed_before_the_group_would_suspect_it(kind: str) -> None:
    result = run.run(_FAST, "base", [Event(_FAULT_AT, kind, 0, 30.0)])
    assert result.violations == []
    after = _removed_after(result)
    assert after is not None
    assert after < 4.0


def test_without_it_the_group_decides_alone() -> None:
    result = run.run(_SAFE, "base", [Event(_FAULT_AT, "stop-mysqld", 0, 30.0)])
    assert _removed_after(result) is None


def test_a_primary_that_was_only_slow_is_waited_for() -> None:
    result = run.run(_FAST, "base", [Event(_FAULT_AT, "stop-mysqld", 0, 1.5)])
    assert result.violations == []
    assert _removed_after(result) is None


def test_a_live_primary_that_is_removed_comes_back_and_nothing_acknowledged_is_lost() -> None:
    result = run.run(_FAST, "base", [Event(_FAULT_AT, "stop-mysqld", 0, 4.0)])
    assert _removed_after(result) is not None
    assert result.violations == []


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0, 8.0])
def test_survivors_that_are_starved_remove_nobody_wrongly(seconds: float) -> None:
    events = [Event(_FAULT_AT + 0.2 * who, "stop-agent", who, seconds) for who in range(3)]
    result = run.run(_FAST, "base", events)
    assert result.violations == []
    assert _removed_after(result) is None
