"""The model of Group Replication does what real servers do: the same cases as tests/database/test_group_contract.py."""

from __future__ import annotations

import pytest

from tests.simulation import catching_up_cases, group_cases, group_fault_cases, obituary_cases, return_cases
from tests.simulation.group_contract import Case, cases
from tests.simulation.group_model import ModelServers


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "case",
    cases(group_cases, group_fault_cases, obituary_cases, return_cases, catching_up_cases),
    ids=lambda case: case.name,
)
def test_the_model(case: Case, seed: int) -> None:
    case.run(ModelServers(seed))
