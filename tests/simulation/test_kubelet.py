"""The contract of a kubelet, on the simulator's; tests/cluster/test_fake_api.py has the same on the lab's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mysqlops.core import names
from tests.simulation import kubelet_cases
from tests.simulation.kubelet import Containers
from tests.simulation.kubelet_cases import Kubelet
from tests.simulation.standins import stand_ins
from tests.simulation.world import World

_SEED, _TURN_SECONDS, _LONGEST_SECONDS = 2, 0.1, 300.0


class Simulated:
    """Implements kubelet_cases.Kubelet: the agent's container of a world's only member."""

    def __init__(self, world: World) -> None:
        self._world, self._remembered = world, 0
        world.make_cluster(1)

    def starts(self, count: int, seconds: float) -> list[float]:
        found: list[float] = []
        self._until(lambda: self._pod() is not None)
        while len(found) < count:
            self._until(lambda: bool((agent := self._containers().agent) and agent.is_alive))
            found.append(self._world.now())
            self._remembered += not self._remembered or self._containers().standing is not None
            self._containers().standing = "what an agent notes"
            self._until(lambda: self._world.now() >= found[-1] + seconds)
            self._containers().kill_agent()
        return found

    def remembered(self) -> int:
        return self._remembered

    def _pod(self) -> Containers | None:
        return self._world.kubelet.of(names.pod(self._world.name, 0))

    def _containers(self) -> Containers:
        found = self._pod()
        assert found is not None
        return found

    def _until(self, check: Callable[[], bool]) -> None:
        until = self._world.now() + _LONGEST_SECONDS
        while not check():
            assert self._world.now() < until
            self._world.scheduler.run(self._world.now() + _TURN_SECONDS)


@pytest.mark.parametrize("case", kubelet_cases.CASES, ids=lambda case: case.__name__)
def test_the_model(case: Callable[[Kubelet], None]) -> None:
    world = World(_SEED)
    with stand_ins(world, _SEED):
        case(Simulated(world))
