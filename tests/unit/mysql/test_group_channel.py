"""Whom a removal names: every spelling of the member that the asked one counts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from mysqlops.clock import SystemClock
from mysqlops.mysql import connect, group_channel
from mysqlops.mysql.xcom import Answer

_PEER = group_channel.Peer("mysql-0", connect.Login("u", "p"))
_PLAIN, _OTHER = "mysql-2.mysql.db.svc:3306", "mySql-2.mysql.db.svc:3306"


class _Channel:
    def __init__(self, counted: list[str], answers: list[Answer]) -> None:
        self.counted, self.answers, self.removed = counted, answers, list[str]()

    def addresses(self, group_name: str) -> tuple[str, ...]:
        return tuple(self.counted)

    def remove(self, group_name: str, address: str) -> Answer:
        self.removed.append(address)
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("counted", "answers", "found"),
    [
        pytest.param([_PLAIN], [Answer.OK], Answer.OK, id="one"),
        pytest.param([_OTHER, _PLAIN], [Answer.OK, Answer.OK], Answer.OK, id="an earlier incarnation beside it"),
        pytest.param([_PLAIN, _OTHER], [Answer.FAIL, Answer.OK], Answer.OK, id="one of them went meanwhile"),
        pytest.param([_PLAIN, _OTHER], [Answer.OK, Answer.RETRY], Answer.RETRY, id="one is to be asked for again"),
        pytest.param([_PLAIN, _OTHER], [Answer.FAIL, Answer.FAIL], Answer.FAIL, id="both went"),
        pytest.param([], [], Answer.FAIL, id="it is out"),
    ],
)
def test_all_spellings_of_a_member_are_removed(
    monkeypatch: pytest.MonkeyPatch, counted: list[str], answers: list[Answer], found: Answer
) -> None:
    """Writes wait for each address that the group counts. Only the first one was removed."""
    channel = _Channel(["mysql-0.mysql.db.svc:3306", *counted, "mysql-20.mysql.db.svc:3306"], answers)

    @contextlib.contextmanager
    def opened(*_: object) -> Iterator[_Channel]:
        yield channel

    monkeypatch.setattr(group_channel, "_open", opened)
    assert group_channel.ask_to_remove(_PEER, "g", _PLAIN, clock=SystemClock(), seconds=1.0) is found
    assert channel.removed == counted
