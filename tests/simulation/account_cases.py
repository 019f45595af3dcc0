"""What the model of accounts claims of MySQL: the model and a real server pass the same cases
(test_account_model.py, tests/database/test_account_contract.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mysqlops import errors
from mysqlops.mysql import connect

IDLE_SECONDS = 1
_USER = "'rotating'@'%'"
_MADE = f"CREATE USER {_USER} IDENTIFIED BY 'a'"
_SET, _ADD = (
    f"ALTER USER {_USER} IDENTIFIED BY '{{}}'",
    f"ALTER USER {_USER} IDENTIFIED BY '{{}}' RETAIN CURRENT PASSWORD",
)
_DISCARD = f"ALTER USER {_USER} DISCARD OLD PASSWORD"
USER, ALL = "rotating", "abc"


@dataclass(frozen=True)
class Case:
    """Statements, and which of the passwords a, b and c are accepted afterwards."""

    name: str
    statements: tuple[str, ...]
    accepted: str


CASES = (
    Case("a new password replaces the only one", (_MADE, _SET.format("b")), "b"),
    Case("one is added beside it", (_MADE, _ADD.format("b")), "ab"),
    Case("a third one replaces the oldest", (_MADE, _ADD.format("b"), _ADD.format("c")), "bc"),
    Case("added twice, it replaces the old one", (_MADE, _ADD.format("b"), _ADD.format("b")), "b"),
    Case("a change leaves the second one", (_MADE, _ADD.format("b"), _SET.format("c")), "ac"),
    Case("the old one is dropped", (_MADE, _ADD.format("b"), _DISCARD), "b"),
    Case("nothing to drop is no error", (_MADE, _DISCARD), "a"),
    Case("an account that exists is not created", (_MADE, _MADE.replace("USER", "USER IF NOT EXISTS")), "a"),
)


def a_session_that_idles_loses_its_lock(
    first: connect.Server, second: connect.Server, wait: Callable[[float], None]
) -> None:
    """And sends nothing more: whoever was paused cannot go on."""
    assert first.scalar("SELECT GET_LOCK('mysqlops-rotation', 3)") == 1
    first.query(f"SET SESSION wait_timeout = {IDLE_SECONDS}")
    assert second.scalar("SELECT GET_LOCK('mysqlops-rotation', 0)") == 0
    wait(3.0 * IDLE_SECONDS)
    assert second.scalar("SELECT GET_LOCK('mysqlops-rotation', 3)") == 1
    with pytest.raises(errors.ConnectFailed):
        first.query("DO 1")
