"""The contract of the API server, on the one in memory; tests/cluster/test_fake_api.py has the same on the lab's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from mysqlops.core.typed import Json
from tests.simulation import api_cases, apply_cases, job_cases, pod_cases, stateful_set_cases, watch_cases
from tests.simulation.backend import Backend, Simulated

Case = Callable[[Backend], None]
_CASES: list[Case] = [
    *api_cases.CASES,
    *apply_cases.CASES,
    *pod_cases.CASES,
    *job_cases.CASES,
    *stateful_set_cases.CASES,
    *watch_cases.CASES,
]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.__name__)
def test_contract(case: Case) -> None:
    case(Simulated())


class Noting(Simulated):
    """Which objects were made, by cases and by controllers."""

    def __init__(self) -> None:
        self.made: set[tuple[str, str]] = set()
        super().__init__()
        self.made.clear()  # classes of storage, which all cases share

    def create(self, kind: str, manifest: Json, **options: Any) -> Json:
        self.made.add((kind, str(manifest["metadata"].get("name"))))
        return super().create(kind, manifest, **options)

    def apply(self, manifest: Json, **options: Any) -> Json:
        self.made.add((manifest["kind"], manifest["metadata"]["name"]))
        return super().apply(manifest, **options)


def test_no_two_cases_make_objects_of_one_name() -> None:
    """On the lab all run in one namespace, beside each other."""
    makers = defaultdict(list)
    for case in _CASES:
        noting = Noting()
        case(noting)
        for one in noting.made:
            makers[one].append(case.__name__)
    assert {one: cases for one, cases in makers.items() if len(cases) > 1} == {}
