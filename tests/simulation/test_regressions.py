"""What once was lost: the events that showed each finding on the old code, on today's."""

from __future__ import annotations

import pytest

from tests.simulation import run
from tests.simulation.regressions import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=[f"{one.finding}-{one.scenario}-{one.seed}" for one in CASES])
def test_what_seeds_found_on_the_old_code_holds(case: Case) -> None:
    result = run.run(case.seed, case.scenario, case.events)
    assert [text for _, text, _ in result.violations] == []
    assert result.acknowledged > 0
