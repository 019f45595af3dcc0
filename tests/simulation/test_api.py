"""The contract of the API server, on the one in memory; tests/cluster/test_fake_api.py has the same on the lab's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation import api_cases, apply_cases, job_cases, pod_cases, stateful_set_cases, watch_cases
from tests.simulation.backend import Backend, Simulated


@pytest.mark.parametrize(
    "case",
    [
        *api_cases.CASES,
        *apply_cases.CASES,
        *pod_cases.CASES,
        *job_cases.CASES,
        *stateful_set_cases.CASES,
        *watch_cases.CASES,
    ],
    ids=lambda case: case.__name__,
)
def test_contract(case: Callable[[Backend], None]) -> None:
    case(Simulated())
