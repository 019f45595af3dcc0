"""An agent asks the group to remove its mysqld only if that is dead, and trusts nothing that a peer answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import cast
from unittest.mock import Mock

import pytest

from mysqlops import errors
from mysqlops.agent import health, log, loop, pod, settings
from mysqlops.agent import obituary as acting
from mysqlops.clock import SystemClock, Task
from mysqlops.core import view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import connect, group_channel, xcom
from mysqlops.planning import obituary

_NAME = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
# What the prototype sent to real groups, for o-1 of this group; 9.7.4 removed the member.
_REMOVAL = bytes.fromhex(
    "0000000a 00000100 00 029a 00"  # version, length, kind, tag
    "ffffffff ffffffff 00000000  00000000 0000000000000000 00000000  00000000"
    "00000000 ffffffff  ffffffff ffffffff  00000000  00000000 0000000000000000 00000000  00000000 00000000 00000001"
    "00000000 0000000000000000 00000000  9324428c  0000000000000000  9324428c 0000000000000000 00000000"
    "00000000  402a000000000000  00000000 00000000 00000000  00000000  0000000f"
    "00000001  00000015 6f2d312e6f2e6f6269742d312e7376633a33333036 000000  00000000  00000001 0000000a 00000007"
    "00000000"
    "00000000 00000000  00000000  00000000  00000000  00000000 0000000000000000 00000000  0000000a 00000000 00000000"
)


def _reply(code: int = 0, op: int = 22) -> bytes:
    """As long as a server's: a header, and a message without a request."""
    body = bytearray(128)
    body[48:52], body[88:92] = op.to_bytes(4, "big"), code.to_bytes(4, "big")
    return bytes.fromhex("0000000a 00000080 00 029a 00") + bytes(body)


# --- bytes
def test_the_request_is_byte_for_byte_the_one_that_real_groups_obeyed() -> None:
    assert xcom.removal(_NAME, ["o-1.o.obit-1.svc:3306"]) == _REMOVAL
    assert xcom.version_request() == bytes.fromhex("0000000a 00000000 01 0139 00")


@pytest.mark.parametrize("answer", xcom.Answer)
def test_a_reply_says_what_the_member_does(answer: xcom.Answer) -> None:
    reply = _reply(answer.value)
    assert xcom.reply_bytes(reply[:12]) == len(reply) - 12
    assert xcom.answer(reply[12:]) is answer


def test_another_operation_or_an_unknown_code_is_not_understood() -> None:
    assert xcom.answer(_reply(op=0)[12:]) is None
    assert xcom.answer(_reply(code=4)[12:]) is None


# --- the channel
class _Signal(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class _Clock(SystemClock):
    def __init__(self) -> None:
        self.seconds = 0.0

    def signal(self) -> _Signal:
        return _Signal()

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def start(self, name: str, work: Callable[[], None]) -> Task:
        work()
        return Mock(spec=Task)


class _Peer:
    """The other end of a channel, which sends what it is given and keeps what it gets."""

    def __init__(self, *said: bytes, clock: _Clock | None = None, slowly: bool = False) -> None:
        self._said, self._slowly, self.clock = b"".join(said), slowly, clock or _Clock()
        self.got = b""

    def settimeout(self, seconds: float) -> None:
        assert 0 < seconds <= 1

    def sendall(self, data: bytes) -> None:
        self.got += data

    def recv(self, size: int) -> bytes:
        if self._slowly:
            self.clock.seconds += 0.1
            size = 1
        part, self._said = self._said[:size], self._said[size:]
        return part

    def ask(self) -> xcom.Answer:
        channel = group_channel.Channel(cast("socket.socket", self), self.clock, 1.0)
        channel.agree()
        return channel.remove(_NAME, ["o-1.o.obit-1.svc:3306"])


_AGREED = bytes.fromhex("0000000a 00000000 02 0139 00")


def test_a_member_that_speaks_our_version_is_asked_and_answers() -> None:
    peer = _Peer(_AGREED, _reply(1))
    assert peer.ask() is xcom.Answer.FAIL
    assert peer.got == xcom.version_request() + _REMOVAL


@pytest.mark.parametrize("version", [*range(10), 11, 255])
def test_a_member_that_speaks_another_version_is_asked_nothing(version: int) -> None:
    peer = _Peer(version.to_bytes(4, "big") + _AGREED[4:], _reply())
    with pytest.raises(OSError, match="another version"):
        peer.ask()
    assert peer.got == xcom.version_request()


def test_a_reply_that_claims_to_be_huge_is_not_read() -> None:
    peer = _Peer(_AGREED, bytes.fromhex("0000000a 7fffffff 00 029a 00"), b"x" * 5000)
    with pytest.raises(OSError, match="understood"):
        peer.ask()


def test_a_member_that_sends_byte_by_byte_is_left_in_time() -> None:
    peer = _Peer(_AGREED, _reply(), slowly=True)
    with pytest.raises(TimeoutError):
        peer.ask()
    assert peer.clock.seconds < 1.2
    assert peer.got == xcom.version_request(), "nothing is asked once the time is over"


# --- the rule
def _member(number: int, state: str = view.ONLINE, role: str = "replica") -> view.GroupMember:
    return view.GroupMember(f"uuid-{number}", f"mysql-{number}.mysql.db.svc", state, role)


def _seen(*members: view.GroupMember, version: str = "9.7.4") -> view.ServerView:
    own = members[0]
    return view.ServerView(
        own.server_uuid, version, GtidSet(), state=own.state, group_name=_NAME, members=members, view_id="1:3"
    )


def _plan(
    seen: view.ServerView | None, seconds: float = 0.3, *, is_refused: bool = True
) -> obituary.Request | obituary.Silence:
    return obituary.plan(seen, seconds, cluster="mysql", is_refused=is_refused)


_THREE = _seen(_member(0, role="primary"), _member(1), _member(2))


def test_of_three_any_may_be_declared_dead_by_its_own_agent() -> None:
    wanted = obituary.Request(_NAME, ("mysql-1", "mysql-2"))
    assert _plan(_THREE) == wanted
    joining = _seen(_member(0, view.RECOVERING), _member(1, role="primary"), _member(2))
    assert _plan(joining) == wanted


@pytest.mark.parametrize(
    ("seen", "seconds", "is_refused"),
    [
        pytest.param(_THREE, 0.3, False, id="its socket is gone, or answers: it stopped by itself, or is back"),
        pytest.param(None, 0.3, True, id="the agent has never seen it"),
        pytest.param(_THREE, 15.1, True, id="its last answer is old"),
        pytest.param(replace(_THREE, members=()), 0.3, True, id="it was in no group"),
        pytest.param(_seen(_member(0, view.OFFLINE)), 0.3, True, id="it had left"),
        pytest.param(_seen(_member(0, view.ERROR), _member(1), _member(2)), 0.3, True, id="the group had expelled it"),
        pytest.param(_seen(_member(0)), 0.3, True, id="alone"),
        pytest.param(_seen(_member(0), _member(1)), 0.3, True, id="of two: the other is no majority"),
        pytest.param(_seen(_member(0), _member(1), _member(2, view.UNREACHABLE)), 0.3, True, id="of three, one lost"),
        pytest.param(
            _seen(_member(0), _member(1, view.RECOVERING), _member(2, view.RECOVERING)), 0.3, True, id="none to ask"
        ),
        pytest.param(replace(_THREE, version="8.4.8"), 0.3, True, id="of an older series"),
        pytest.param(replace(_THREE, version="9.8.0"), 0.3, True, id="of a series that nobody has tried"),
        pytest.param(replace(_THREE, version="?"), 0.3, True, id="of an unknown version"),
    ],
)
def test_otherwise_nobody_is_asked(seen: view.ServerView | None, seconds: float, is_refused: bool) -> None:
    assert isinstance(_plan(seen, seconds, is_refused=is_refused), obituary.Silence)


def test_a_server_that_lies_about_its_group_sends_the_agent_to_nobody_else() -> None:
    foreign = replace(_member(1), host="db-1.evil.example")
    assert _plan(_seen(_member(0), foreign, _member(2))) == obituary.Request(_NAME, ("mysql-2",))
    assert isinstance(_plan(_seen(_member(0), foreign, replace(foreign, server_uuid="x"))), obituary.Silence)


# --- the agent
def _switched(text: str) -> view.GroupRecord:
    return view.GroupRecord(None, None, 0.0, obituary=text)


def test_it_is_on_unless_the_lease_turns_it_off_or_is_unknown() -> None:
    assert obituary.is_on(_switched("on"))
    assert obituary.is_on(_switched(""))
    for record in (None, _switched("off"), _switched("ON!")):
        assert not obituary.is_on(record)


class _Own:
    """The pod of a mysqld that dies when the test says so."""

    me = settings.Settings("mysql", "db", "mysql-0", "uid")

    def __init__(self, *answers: xcom.Answer | errors.MysqlopsError, refused: bool = True) -> None:
        self.answers, self.refused, self.has_name = [*answers], refused, True
        self.asked: list[str] = []
        self.was_asking: list[bool] = []
        self.clock = _Clock()
        self.around = Mock()
        self.acting = acting.Obituary(cast("pod.Pod", self), self.around, log.Log(self.clock), self.clock)
        self.lives = [True]
        self.switch = "on"

    def await_end(self) -> bool:
        if not self.lives:
            self.acting.stop()
        return bool(self.lives) and self.lives.pop()

    def has_own_name(self) -> bool:
        return self.has_name

    def is_refused(self) -> bool:
        self.was_asking.append(self.acting.is_asking())
        return self.refused

    def ask_to_remove(self, witness: str, group_name: str, seconds: float) -> xcom.Answer:
        assert self.acting.is_asking()
        assert group_name == _NAME
        self.asked.append(witness)
        self.clock.seconds += seconds
        answer = self.answers.pop(0)
        if isinstance(answer, errors.MysqlopsError):
            raise answer
        return answer

    @property
    def labelled(self) -> list[tuple[str, str]]:
        return [call.args for call in self.around.label.call_args_list]

    def die(self, seen: view.ServerView = _THREE, fenced: Mapping[str, str] = MappingProxyType({})) -> None:
        self.acting.saw(seen, self.clock.seconds, replace(_switched(self.switch), fenced=fenced))
        self.acting._run()
        assert not self.acting.is_asking()
        assert all(self.was_asking), "the mark is set before the thread looks at anything"


_OK, _FAIL, _RETRY = xcom.Answer.OK, xcom.Answer.FAIL, xcom.Answer.RETRY
_AWAY = errors.ConnectFailed("mysql-1: timed out")


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([_OK], ["mysql-1"]),
        ([_FAIL], ["mysql-1"]),
        ([_RETRY, _OK], ["mysql-1", "mysql-2"]),
        ([_AWAY, _OK], ["mysql-1", "mysql-2"]),
        ([_AWAY, errors.AccessDenied("1045")], ["mysql-1", "mysql-2"]),
    ],
)
def test_members_are_asked_in_turn_until_one_answers(
    answers: list[xcom.Answer | errors.MysqlopsError], asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    own = _Own(*answers)
    own.die()
    assert own.asked == asked
    said = capsys.readouterr().out
    assert said.count("mysqld has ended; asked the group to remove it: ") == 1
    assert "unexpected" not in said


# --- the label
_GIVEN = [("mysql-1", "primary"), ("mysql-0", "none")]


def test_the_label_goes_to_the_next_primary_before_anybody_is_elected(capsys: pytest.CaptureFixture[str]) -> None:
    own = _Own(_OK)
    own.die()
    assert own.labelled == _GIVEN
    assert "gave the label of the primary to mysql-1" in capsys.readouterr().out


def test_the_group_elects_the_lowest_server_uuid_whatever_the_ordinals_and_queues_are() -> None:
    other = replace(_member(1), server_uuid="uuid-9", queue=0)
    own = _Own(_OK)
    own.die(_seen(_member(0, role="primary"), other, replace(_member(2), queue=7)))
    assert own.labelled == [("mysql-2", "primary"), ("mysql-0", "none")]


@pytest.mark.parametrize(
    ("seen", "fenced"),
    [
        pytest.param(_seen(_member(0), _member(1, role="primary"), _member(2)), {}, id="the dead one was no primary"),
        pytest.param(_THREE, {"mysql-1": "disk"}, id="who is elected is fenced, and hands over to another"),
    ],
)
def test_the_label_stays_if_nobody_can_say_who_will_have_it(seen: view.ServerView, fenced: dict[str, str]) -> None:
    own = _Own(_OK)
    own.die(seen, fenced)
    assert own.asked == ["mysql-1"]
    assert own.labelled == []


def test_the_label_does_not_wait_for_an_answer_of_the_group() -> None:
    """kubelet reports the dead container soon, and kube-proxy then applies the next change a second later."""
    own = _Own(_AWAY, _OK)
    own.around.label.side_effect = lambda *_: own.was_asking.append(own.asked == [])
    own.die()
    assert own.labelled == _GIVEN


def test_no_label_moves_once_the_others_may_have_elected() -> None:
    own = _Own(_OK)

    def slowly(*_: str) -> None:
        own.clock.seconds += 3.0

    own.around.label.side_effect = slowly
    own.die()
    assert own.labelled == _GIVEN[:1]


def test_without_the_api_server_the_label_waits(capsys: pytest.CaptureFixture[str]) -> None:
    own = _Own(_OK)
    own.around.label.side_effect = errors.Unreachable("away")
    own.die()
    assert own.labelled == _GIVEN[:1]
    assert "waits for the next one: away" in capsys.readouterr().out


def test_a_server_that_stopped_by_itself_is_asked_about_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    own = _Own(refused=False)
    own.die()
    assert own.asked == []
    assert "asked nobody" in capsys.readouterr().out


def test_nobody_is_asked_if_another_pod_has_the_name() -> None:
    """A node that was paused comes back, and its pod was replaced meanwhile: the new one may lead."""
    own = _Own(_OK)
    own.has_name = False
    own.die()
    assert own.asked == []


def test_nobody_is_asked_while_it_is_off() -> None:
    own = _Own(_OK)
    own.switch = "off"
    own.die()
    assert own.asked == []


def test_a_stopping_agent_asks_nobody() -> None:
    own = _Own(_OK)
    own.acting.stop()
    own.die()
    assert own.asked == []


def test_an_unexpected_error_is_logged_and_the_thread_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    own = _Own()  # has no answer
    own.die()
    assert "unexpected IndexError" in capsys.readouterr().out
    assert own.asked == ["mysql-1"]


def test_the_loop_does_not_act_while_a_request_may_be_on_its_way() -> None:
    """A member that joined then would be the one that is removed."""
    own, clock = Mock(), _Clock()
    own.volume.return_value = (0, 0)
    turning = loop.Loop(own, Mock(), Mock(), Mock(), health.Health(clock), clock=clock)
    assert not turning._situation(None, 0.0).is_busy
    turning._obituary._asking_until = 5.0
    assert turning._situation(None, 0.0).is_busy
    clock.seconds = 5.0
    assert not turning._situation(None, 0.0).is_busy, "a peer that keeps the thread does not keep the member outside"


# --- the evidence
def test_only_a_socket_that_nobody_listens_to_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    assert not connect.is_refused(path), "it stopped by itself and deleted it"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        assert not connect.is_refused(path)
        full = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(4)]
        for one in full:
            one.connect_ex(path)
        assert not connect.is_refused(path), "it is busy or frozen"
        for one in full:
            one.close()
    assert connect.is_refused(path), "it was killed"
