"""The contract of agents' wires: each case holds for the simulator's (wires.py) and for real sockets (datagrams.py)."""

from __future__ import annotations

from typing import Protocol

from mysqlops.agent import datagrams
from mysqlops.core import heartbeat

Found = list[tuple[bytes, datagrams.Address]]
OTHER = 1  # the ordinal of the other wire's pod
_WAITING, _ONE_TURN, _TOO_MANY = 70, 64, 400


class Pair(Protocol):
    """Two wires in different pods, and the port of the second one's mysqld."""

    @property
    def one(self) -> datagrams.Wire: ...
    @property
    def other(self) -> datagrams.Wire: ...

    def address(self, wire: datagrams.Wire) -> datagrams.Address | None:
        """What the pod's name resolves to."""

    def no_address(self) -> datagrams.Address | None:
        """What the name of a pod resolves to that is not there."""

    def look(self) -> None:
        """One more try of the port, by the first one."""

    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def kill(self) -> None: ...
    def wait(self, seconds: float) -> None: ...


def _sent(pair: Pair, data: bytes, times: int = 1) -> datagrams.Address:
    at = pair.address(pair.other)
    assert at is not None
    for _ in range(times):
        pair.one.send(data, at)
    pair.wait(0.3)
    return at


def _greets(pair: Pair) -> bool:
    pair.wait(0.3)
    return pair.one.has_greeted(OTHER)


def what_is_sent_comes_from_the_address_that_the_senders_name_has(pair: Pair) -> None:
    _sent(pair, b"hello", times=3)
    found = pair.other.receive()
    assert {data for data, _ in found} == {b"hello"}
    assert {source for _, source in found} == {pair.address(pair.one)}
    assert pair.other.receive() == []
    pair.other.send(b"back", found[0][1])
    pair.other.send(b"back", found[0][1])
    pair.wait(0.3)
    assert {data for data, _ in pair.one.receive()} == {b"back"}


def what_is_too_long_is_cut_so_that_nobody_understands_it(pair: Pair) -> None:
    _sent(pair, b"x" * 1000, times=3)
    assert {len(data) for data, _ in pair.other.receive()} == {heartbeat.LONGEST + 1}


def what_a_turn_has_no_time_for_waits_for_the_next(pair: Pair) -> None:
    _sent(pair, b"x", times=_WAITING)
    first, second = pair.other.receive(), pair.other.receive()
    assert len(first) == _ONE_TURN
    assert 0 < len(second) <= _WAITING - _ONE_TURN
    assert pair.other.receive() == []


def who_does_not_read_keeps_the_oldest(pair: Pair) -> None:
    """As an agent that is stopped for a while: what it reads afterwards is old."""
    at = pair.address(pair.other)
    assert at is not None
    for number in range(_TOO_MANY):
        pair.one.send(number.to_bytes(2, "big"), at)
    pair.wait(0.3)
    found: Found = []
    while some := pair.other.receive():
        found += some
    numbers = sorted(int.from_bytes(data, "big") for data, _ in found)
    assert _ONE_TURN < len(numbers) < _TOO_MANY // 2
    assert numbers[-1] < _TOO_MANY // 2


def what_is_sent_to_nobody_is_lost_without_an_error(pair: Pair) -> None:
    at = _sent(pair, b"x")
    pair.other.close()
    pair.one.send(b"x", at)
    pair.wait(0.3)
    pair.one.send(b"x", at)
    assert pair.one.receive() == []


def a_pod_that_is_not_there_has_no_address(pair: Pair) -> None:
    assert pair.no_address() is None


def a_server_that_works_greets_each_look_once(pair: Pair) -> None:
    assert not pair.one.has_greeted(OTHER), "nobody looked"
    for _ in range(2):
        pair.look()
        assert _greets(pair)
        assert not _greets(pair)


def a_frozen_server_greets_once_it_goes_on(pair: Pair) -> None:
    pair.freeze()
    for _ in range(5):
        pair.look()
    assert not _greets(pair)
    pair.thaw()
    assert _greets(pair)
    assert not _greets(pair), "all looks have ended with the first greeting"


def a_dead_server_greets_nobody(pair: Pair) -> None:
    pair.kill()
    for _ in range(3):
        pair.look()
        assert not _greets(pair)


def who_has_stopped_looking_hears_no_greeting(pair: Pair) -> None:
    pair.look()
    pair.one.stop_looking(OTHER)
    assert not _greets(pair)


CASES = [
    what_is_sent_comes_from_the_address_that_the_senders_name_has,
    what_is_too_long_is_cut_so_that_nobody_understands_it,
    what_a_turn_has_no_time_for_waits_for_the_next,
    who_does_not_read_keeps_the_oldest,
    what_is_sent_to_nobody_is_lost_without_an_error,
    a_pod_that_is_not_there_has_no_address,
    a_server_that_works_greets_each_look_once,
    a_frozen_server_greets_once_it_goes_on,
    a_dead_server_greets_nobody,
    who_has_stopped_looking_hears_no_greeting,
]
