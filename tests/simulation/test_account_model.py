"""The model of accounts passes the cases of its contract (account_cases.py)."""

from __future__ import annotations

import pytest

from tests.simulation import account_cases, run
from tests.simulation.account_cases import CASES, Case
from tests.simulation.scheduler import Process
from tests.unit.rotation_world import Passwords, execute


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_account_accepts_what_a_real_one_does(case: Case) -> None:
    known: Passwords = {}
    for statement in case.statements:
        execute(known, statement)
    assert {*known[account_cases.USER]} == {*case.accepted}


def test_a_session_that_idles_loses_its_lock() -> None:
    made = run.Run(1, "passwords", [])
    world, done = made.world, list[str]()

    def sessions() -> None:
        server = world.server(world.ledger.last_on)
        assert server is not None
        first, second = (world.connection(server, lambda _: None) for _ in range(2))
        account_cases.a_session_that_idles_loses_its_lock(first, second, world.scheduler.pause)
        done.append("done")

    def begin() -> None:
        Process(world.scheduler, "sessions", sessions)

    world.scheduler.at(60.0, begin)
    assert made.go().violations == []
    assert done
