"""How soon clients can write again: after a power cut, once every member's server has started; and after the primary's
end while the API server is away."""

from __future__ import annotations

import re

import pytest

from tests.simulation import agents, run
from tests.simulation.faults import Event

_CUT_AT = 60.0


@pytest.fixture(autouse=True)
def _as_quick_as_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other worlds save turns while nothing changes."""
    monkeypatch.setattr(agents.Agent, "_nap", lambda _, seconds: seconds)


def _formed_after(result: run.Result) -> float:
    """Since the last server's agent began to look at the others."""
    found: dict[str, float] = {}
    for at, text in result.trace:
        if at > _CUT_AT and (seen := re.match(r"  \[agent (mysql-\d)\] waiting: looking at the other", text)):
            found.setdefault(seen[1], at)
    assert len(found) == 3
    return next(at for at, text in result.trace if at > _CUT_AT and " FORMS group" in text) - max(found.values())


@pytest.mark.parametrize(("seed", "late"), [(1, 1), (8, 2)])
def test_the_group_forms_within_seconds(seed: int, late: int) -> None:
    """In seed 1 a member is back so soon that the others are in their group by their last words: joining them took
    a minute. In seed 8 who forms it starts last and knows nobody: that took six seconds."""
    result = run.run(seed, "base", [Event(_CUT_AT, "power-cut", late, 3.0)])
    assert result.violations == []
    assert _formed_after(result) < 4.5


def test_without_the_api_server_another_member_takes_writes_within_seconds() -> None:
    """From the primary's end until then nobody asks the API server anything; clients that know the members' names need
    no label either."""
    made = run.Run(2, "base", [Event(_CUT_AT - 1.0, "api-away", 0, 20.0), Event(_CUT_AT, "kill-mysqld", 0, 4.0)])
    result = made.go()
    assert result.violations == []
    elected = next(at for at, text in result.trace if at > _CUT_AT and " is elected in group" in text)
    assert elected - _CUT_AT < 2.0
    assert any(elected < write.at < _CUT_AT + 19.0 for write in made.world.ledger.writes)
