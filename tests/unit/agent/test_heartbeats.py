"""The thread that hears other agents exists only while it is wanted, and no name server, peer or stranger stops it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mysqlops import errors
from mysqlops.agent import datagrams, heartbeats, log, pod, settings
from mysqlops.clock import Task
from mysqlops.core import heartbeat, view
from mysqlops.mysql import connect, xcom
from mysqlops.planning import lost_members
from tests.unit.agent.test_obituary import _Clock
from tests.unit.planning.test_lost_members import _seen

_ON = view.GroupRecord(None, None, 0.0, failure_detection="fast")
_THREE = dict.fromkeys(range(3), view.ONLINE)


class _Now(_Clock):
    """Threads run at once, to their end."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 1000.0
        self.started: list[str] = []

    def start(self, name: str, work: Callable[[], None]) -> Task:
        self.started.append(name)
        work()
        return cast("Task", SimpleNamespace(is_alive=lambda: False, join=lambda _: None))


@dataclass
class _Net:
    clock: _Now
    down: set[int] = field(default_factory=set)
    waiting: dict[int, list[tuple[bytes, datagrams.Address]]] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)


class _Wire:
    def __init__(self, net: _Net, own: int) -> None:
        self.net, self.own = net, own
        self.looked: list[int] = []
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    def resolve(self, host: str) -> datagrams.Address | None:
        ordinal = int(host.partition(".")[0][-1])
        return None if ordinal in self.net.unknown else (f"10.0.0.{ordinal}", 8307)

    def send(self, data: bytes, to: datagrams.Address) -> None:
        ordinal = int(to[0][-1])
        if not {self.own, ordinal} & self.net.down:
            self.net.waiting.setdefault(ordinal, []).append((data, (f"10.0.0.{self.own}", 8307)))

    def receive(self) -> list[tuple[bytes, datagrams.Address]]:
        return self.net.waiting.pop(self.own, [])

    def look(self, ordinal: int, at: datagrams.Address) -> None:
        self.looked.append(ordinal)

    def has_greeted(self, ordinal: int) -> bool:
        return bool(self.looked) and ordinal not in self.net.down

    def stop_looking(self, ordinal: int) -> None:
        pass


class _Own:
    """One pod."""

    def __init__(self, net: _Net, ordinal: int) -> None:
        self.me = settings.Settings("mysql", "db", f"mysql-{ordinal}", "uid")
        self._wire = _Wire(net, ordinal)
        self.password, self.previous = "new", "old"
        self.removed: list[tuple[int, str]] = []
        self.answer: xcom.Answer | Exception = xcom.Answer.OK
        self.talk = heartbeats.Talk(cast("pod.Pod", self), log.Log(net.clock), net.clock)

    def wire(self) -> datagrams.Wire:
        return cast("datagrams.Wire", self._wire)

    def login(self, user: str, key: str) -> connect.Login:
        return connect.Login(user, self.password)

    def find(self, key: str) -> str | None:
        return self.previous

    def ask_own_to_remove(self, ordinal: int, group_name: str, seconds: float) -> xcom.Answer:
        assert 0 < seconds <= 1
        self.removed.append((ordinal, group_name))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def turn(self, now: float) -> None:
        self.talk.turn(lost_members.Sight(_seen(self.me.ordinal, _THREE), now))


def _three() -> tuple[_Net, list[_Own]]:
    net = _Net(_Now())
    return net, [_Own(net, ordinal) for ordinal in range(3)]


def _run(net: _Net, owns: list[_Own], seconds: float) -> None:
    for _ in range(int(seconds / lost_members.TURN_SECONDS)):
        net.clock.seconds += lost_members.TURN_SECONDS
        for own in owns:
            own.turn(net.clock.seconds)


@pytest.mark.parametrize("answer", [xcom.Answer.OK, errors.ConnectFailed("127.0.0.1: timed out"), RuntimeError("?")])
def test_survivors_ask_their_own_servers(answer: xcom.Answer | Exception, capsys: pytest.CaptureFixture[str]) -> None:
    net, owns = _three()
    owns[1].answer = answer
    _run(net, owns, 3)
    net.down = {0}
    _run(net, owns[1:], 2.75)
    assert [own.removed for own in owns] == [[], [(0, "name")], [(0, "name")]]
    assert "heard nothing from mysql-0 for 2.0 s" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "count"), [(xcom.Answer.OK, 1), (xcom.Answer.FAIL, 1), (xcom.Answer.RETRY, 4)])
def test_a_member_that_promised_it_is_not_asked_again_in_the_same_view(answer: xcom.Answer, count: int) -> None:
    """A later request could meet the member's next incarnation."""
    net, owns = _three()
    owns[1].answer = answer
    _run(net, owns, 3)
    net.down = {0}
    _run(net, owns[1:], 6)
    assert len(owns[1].removed) == count


def test_passwords_that_are_being_rotated_stop_nobody() -> None:
    net, owns = _three()
    owns[1].password, owns[1].previous = "newer", "new"
    _run(net, owns, 2)
    net.down = {0}
    _run(net, owns[1:], 8)
    assert owns[2].removed == [], "it does not know the newer one yet, and waits for the group"
    owns[2].password, owns[2].previous = "newer", "new"
    net.down = set()
    owns[0].password = owns[1].password
    _run(net, owns, 3)
    net.down = {0}
    _run(net, owns[1:], 3)
    assert (0, "name") in owns[2].removed


def test_a_stranger_and_one_who_repeats_change_no_address() -> None:
    net, owns = _three()
    _run(net, owns, 1)
    data = net.waiting[1][0][0]
    before = dict(owns[1].talk._addresses)
    net.waiting[1] += [(data, ("10.9.9.9", 8307)), (b"?" * 100, ("10.9.9.9", 8307)), (b"", ("10.9.9.9", 8307))]
    late = heartbeat.Beat(2, b"earlier!", 1, others={1: heartbeat.Heard(b"earlier!", 10**9)})
    net.waiting[1].append((heartbeat.write(late, heartbeat.key("new", "mysql", "db")), ("10.9.9.9", 8307)))
    own = heartbeat.Beat(1, b"another!", 10**9)
    net.waiting[1].append((heartbeat.write(own, heartbeat.key("new", "mysql", "db")), ("10.9.9.9", 8307)))
    _run(net, owns[1:2], 0.25)
    assert owns[1].talk._addresses == before


def test_names_are_resolved_by_another_thread_and_rarely() -> None:
    net, owns = _three()
    net.unknown = {0}
    _run(net, owns[1:2], 4)
    assert net.clock.started == ["names of agents"]
    _run(net, owns[1:2], 4)
    assert net.clock.started == ["names of agents"] * 2


def test_a_member_that_left_is_forgotten() -> None:
    net, owns = _three()
    _run(net, owns, 2)
    owns[1].talk.turn(lost_members.Sight(_seen(1, {1: view.ONLINE, 2: view.ONLINE}), net.clock.seconds))
    assert set(owns[1].talk.memory.ears) == {2}


def test_the_port_is_tried_only_while_an_agent_is_silent() -> None:
    net, owns = _three()
    _run(net, owns, 5)
    assert owns[1]._wire.looked == []
    _run(net, owns[1:], 5)  # the agent of mysql-0 is gone, its server works
    assert 0 in owns[1]._wire.looked
    assert owns[1].removed == []


def test_a_pause_is_said_once_it_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    net, owns = _three()
    _run(net, owns, 2)
    net.down = {0}
    _run(net, owns[1:], 1.5)
    net.down = set()
    _run(net, owns, 1)
    assert capsys.readouterr().out.count("mysql-0 was silent for 1.") == 2


# --- the thread
class _Stops(_Own):
    """Turns itself off after some turns."""

    turns = 3
    beats: Any

    def login(self, user: str, key: str) -> connect.Login:
        self.turns -= 1
        if self.turns == 0:
            self.beats.stop()
        if self.turns == 1:
            raise RuntimeError("?")
        return super().login(user, key)


def _beats(own: _Own, net: _Net) -> Any:
    return heartbeats.Heartbeats(cast("pod.Pod", own), log.Log(net.clock), net.clock)


def test_the_thread_survives_an_error_and_ends_when_the_pod_stops(capsys: pytest.CaptureFixture[str]) -> None:
    net = _Net(_Now())
    own = _Stops(net, 1)
    own.beats = beats = _beats(own, net)
    beats.saw(_seen(1, _THREE), 1000.0, _ON)
    assert net.clock.started[0] == "heartbeats"
    assert own._wire.is_closed
    assert "unexpected RuntimeError" in capsys.readouterr().out
    count = len(net.clock.started)
    beats.saw(_seen(1, _THREE), 1000.0, _ON)
    assert len(net.clock.started) == count, "it stays stopped"


def test_a_member_that_hears_nobody_is_said_to_the_loop_until_it_hears_them_or_is_turned_off() -> None:
    net, owns = _three()
    _run(net, owns, 2)
    net.down = {1, 2}
    _run(net, owns[:1], 2.5)
    assert (
        owns[0].talk.turn(lost_members.Sight(_seen(0, _THREE), net.clock.seconds))
        == "it hears no majority of its group"
    )
    beats = _beats(owns[0], net)
    beats._alone = "it hears no majority of its group"
    beats._goes_on = lambda: False
    beats._talk()
    assert beats.alone_because() == ""


@pytest.mark.parametrize("record", [None, replace(_ON, failure_detection=""), replace(_ON, failure_detection="safe")])
def test_there_is_no_thread_unless_it_is_wanted(record: view.GroupRecord | None) -> None:
    net = _Net(_Now())
    beats = _beats(_Own(net, 1), net)
    beats.saw(_seen(1, _THREE), 1000.0, record)
    assert net.clock.started == []


# --- sockets
def _until(found: Callable[[], Any]) -> Any:
    for _ in range(100_000):
        if one := found():
            return one
    raise AssertionError("it never came")


def test_datagrams_arrive_with_their_sender_and_no_more_than_a_turn_has_time_for() -> None:
    one, other = datagrams.Wire(0), datagrams.Wire(0)
    at = other.resolve("127.0.0.1", other.port)
    assert at is not None
    for _ in range(100):
        one.send(b"x" * 300, at)
    found = _until(other.receive)
    assert len(found) <= 64
    assert {len(data) for data, _ in found} == {heartbeat.LONGEST + 1}, "cut, so it is not understood"
    other.send(b"back", found[0][1])
    assert _until(one.receive)[0][0] == b"back"
    for wire in (one, other):
        wire.close()


def test_only_a_greeting_is_a_sign() -> None:
    wire = datagrams.Wire(0)
    at = wire.resolve("127.0.0.1")
    assert at is not None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for _ in range(5):
            wire.look(1, at, port)
        accepted = listener.accept()[0]
        assert not wire.has_greeted(1), "the kernel accepts for a frozen server"
        accepted.sendall(b"J")
        assert _until(lambda: wire.has_greeted(1))
        assert not wire.has_greeted(1)
        accepted.close()
    wire.look(2, at, port)
    assert not wire.has_greeted(2), "nobody listens"
    wire.look(2, at, port)
    wire.close()


def test_a_name_without_an_address_is_no_error() -> None:
    wire = datagrams.Wire(0)
    assert wire.resolve("") is None or wire.resolve("")
    wire.send(b"x", ("::ffff:192.0.2.1", 0, 0, 0))
    wire.close()
