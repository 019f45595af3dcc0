"""The contract of agents' wires, on the simulator's and on sockets of this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

import pytest

from mysqlops.agent import datagrams
from mysqlops.core import names
from tests.simulation import wire_cases
from tests.simulation.scheduler import Process
from tests.simulation.standins import stand_ins
from tests.simulation.wire_cases import OTHER, Pair
from tests.simulation.wires import SimWire
from tests.simulation.world import World

_SAFE = 2  # a world whose agents do not talk
_UP_SECONDS = 60.0


class Port:
    """Greets everybody who connects, as mysqld does; frozen, only the kernel accepts."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.number = int(self._listener.getsockname()[1])
        self.works = threading.Event()
        self.works.set()
        self._accepted: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._accepted.append(self._listener.accept()[0])
                self.works.wait()
                self._accepted[-1].send(b"J")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.works.set()
        self._thread.join()
        for one in self._accepted:
            one.close()


class Sockets:
    """Implements wire_cases.Pair."""

    def __init__(self) -> None:
        self.one, self.other, self._port = datagrams.Wire(0), datagrams.Wire(0), Port()

    def address(self, wire: datagrams.Wire) -> datagrams.Address | None:
        return wire.resolve("127.0.0.1", wire.port)

    def no_address(self) -> datagrams.Address | None:
        return self.one.resolve("mysql-9.mysql.invalid")

    def look(self) -> None:
        at = self.address(self.other)
        assert at is not None
        self.one.look(OTHER, at, self._port.number)

    def freeze(self) -> None:
        self._port.works.clear()

    def thaw(self) -> None:
        self._port.works.set()

    def kill(self) -> None:
        self._port.close()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        self._port.close()
        self.one.close()
        self.other.close()


class Simulated:
    """Implements wire_cases.Pair: two members of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        pods = [world.kubelet.of(names.pod(world.name, ordinal)) for ordinal in (0, OTHER)]
        own, other = (one for one in pods if one is not None)
        self._pod = other
        self.one, self.other = SimWire(world, own), SimWire(world, other)

    def _host(self, ordinal: int) -> str:
        return f"{names.pod(self._world.name, ordinal)}.{self._world.name}.{self._world.namespace}.svc"

    def address(self, wire: datagrams.Wire) -> datagrams.Address | None:
        return wire.resolve(self._host(OTHER if wire is self.other else 0))

    def no_address(self) -> datagrams.Address | None:
        return self.one.resolve(self._host(9))

    def look(self) -> None:
        at = self.address(self.other)
        assert at is not None
        self.one.look(OTHER, at)

    def freeze(self) -> None:
        self._pod.server.is_stopped = True

    def thaw(self) -> None:
        self._pod.server.is_stopped = False

    def kill(self) -> None:
        self._pod.mysqld_due = float("inf")
        self._pod.server.die()

    def wait(self, seconds: float) -> None:
        self._world.scheduler.pause(seconds)


@pytest.mark.parametrize("case", wire_cases.CASES, ids=lambda case: case.__name__)
def test_sockets(case: Callable[[Pair], None]) -> None:
    with contextlib.closing(Sockets()) as pair:
        case(pair)


@pytest.mark.parametrize("case", wire_cases.CASES, ids=lambda case: case.__name__)
def test_the_model(case: Callable[[Pair], None]) -> None:
    world = World(_SAFE)
    with stand_ins(world, _SAFE):
        _run(world, case)


def _run(world: World, case: Callable[[Pair], None]) -> None:
    world.make_cluster(2)

    def is_up() -> bool:
        servers = [world.server(names.pod(world.name, ordinal)) for ordinal in (0, OTHER)]
        return all(one is not None and one.is_up for one in servers)

    world.scheduler.run(_UP_SECONDS, is_up)
    assert is_up()
    ended = Process(world.scheduler, "the case", lambda: case(Simulated(world)))
    world.scheduler.run(world.now() + _UP_SECONDS, lambda: not ended.is_alive)
    assert not [one for one in world.scheduler.reports if "the case" in one[1]]
