"""Real servers do what the simulator's model of Group Replication does: the same cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.database.containers import Template
from tests.database.group import Group, Settings
from tests.database.group_servers import RealServers
from tests.simulation import catching_up_cases, group_cases, group_fault_cases, obituary_cases, return_cases
from tests.simulation.group_contract import Case, cases


@pytest.fixture(scope="module")
def shared(template: Template) -> Iterator[RealServers]:
    with Group(Settings(), template) as group:
        yield RealServers(group)


@pytest.fixture
def servers(shared: RealServers) -> RealServers:
    shared.empty()
    return shared


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(one, id=one.name, marks=[pytest.mark.long] if one.is_long else [])
        for one in cases(group_cases, group_fault_cases, obituary_cases, return_cases, catching_up_cases)
    ],
)
def test_real_servers(servers: RealServers, case: Case) -> None:
    case.run(servers)
