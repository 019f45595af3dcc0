"""The cases of tests/simulation/account_cases.py on a real server: passwords of an account, and a lock of a session."""

from __future__ import annotations

import time

import pytest

from mysqlops import errors
from tests.database.conftest import Database
from tests.simulation import account_cases
from tests.simulation.account_cases import CASES, Case


def _accepts(database: Database, password: str) -> bool:
    try:
        database.connect(account_cases.USER, password).close()
    except errors.AccessDenied:
        return False
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_account_accepts_what_the_model_does(writable: Database, case: Case) -> None:
    with writable.connect() as server:
        server.query("SET sql_log_bin = 0")
        for statement in (f"DROP USER IF EXISTS {account_cases.USER}", *case.statements):
            server.query(statement)
    assert {one for one in account_cases.ALL if _accepts(writable, one)} == {*case.accepted}


def test_a_session_that_idles_loses_its_lock(database: Database) -> None:
    with database.connect() as first, database.connect() as second:
        account_cases.a_session_that_idles_loses_its_lock(first, second, time.sleep)
