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
    """A member whose group counts these one after the other, besides two other members."""

    def __init__(self, counted: list[list[str]], answers: list[Answer]) -> None:
        self.counted, self.answers, self.removed = counted, answers, list[list[str]]()

    def addresses(self, group_name: str) -> tuple[str, ...]:
        found = self.counted.pop(0) if len(self.counted) > 1 else self.counted[0]
        return ("mysql-0.mysql.db.svc:3306", *found, "mysql-20.mysql.db.svc:3306")

    def remove(self, group_name: str, addresses: list[str]) -> Answer:
        self.removed.append(addresses)
        return self.answers.pop(0)


_BOTH = [_PLAIN, _OTHER]


@pytest.mark.parametrize(
    ("counted", "answers", "removed", "found"),
    [
        pytest.param([[_PLAIN]], [Answer.OK], [[_PLAIN]], Answer.OK, id="one"),
        pytest.param([_BOTH], [Answer.OK], [_BOTH], Answer.OK, id="an earlier incarnation beside it"),
        pytest.param(
            [_BOTH, [_OTHER]], [Answer.FAIL, Answer.OK], [_BOTH, [_OTHER]], Answer.OK, id="one went meanwhile"
        ),
        pytest.param([_BOTH], [Answer.RETRY], [_BOTH], Answer.RETRY, id="to be asked again"),
        pytest.param([_BOTH, []], [Answer.FAIL], [_BOTH], Answer.FAIL, id="both went"),
        pytest.param([_BOTH], [Answer.FAIL], [_BOTH], Answer.FAIL, id="it does not remove them"),
        pytest.param([[]], [], [], Answer.FAIL, id="it is out"),
    ],
)
def test_all_spellings_of_a_member_are_removed_at_once(
    monkeypatch: pytest.MonkeyPatch,
    counted: list[list[str]],
    answers: list[Answer],
    removed: list[list[str]],
    found: Answer,
) -> None:
    """Writes wait for each address that the group counts. Only the first one was removed."""
    channel = _Channel(list(counted), answers)

    @contextlib.contextmanager
    def opened(*_: object) -> Iterator[_Channel]:
        yield channel

    monkeypatch.setattr(group_channel, "_open", opened)
    assert group_channel.ask_to_remove(_PEER, "g", _PLAIN, clock=SystemClock(), seconds=1.0) is found
    assert channel.removed == removed
