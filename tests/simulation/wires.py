"""How agents hear each other in a world (agent/datagrams.py): datagrams come late or never, and ports greet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mysqlops.agent import datagrams

if TYPE_CHECKING:
    from tests.simulation.kubelet import Containers
    from tests.simulation.world import World

_LATE_SECONDS = (0.001, 0.05)
_LOST = 0.01


class SimWire(datagrams.Wire):
    """One agent's; an address is the name of a pod."""

    def __init__(self, world: World, own: Containers) -> None:
        self._world, self._own = world, own
        self._looked: set[int] = set()
        world.datagrams[own.name] = []

    def close(self) -> None:
        self._world.datagrams.pop(self._own.name, None)

    def resolve(self, host: str, port: int = 0) -> datagrams.Address | None:
        self._world.scheduler.pause(self._world.random.uniform(0.001, 0.5))
        return (host.partition(".")[0],)

    def send(self, data: bytes, to: datagrams.Address) -> None:
        world, pod = self._world, str(to[0])
        world.scheduler.running()
        waiting = world.datagrams.get(pod)
        is_cut = not world.unheard.isdisjoint((pod, self._own.name))
        if waiting is not None and self._is_there(pod) and not is_cut and world.random.random() > _LOST:
            waiting.append((world.now() + world.random.uniform(*_LATE_SECONDS), data, (self._own.name,)))

    def receive(self) -> list[tuple[bytes, datagrams.Address]]:
        now, waiting = self._world.now(), self._world.datagrams.get(self._own.name, [])
        self._world.scheduler.running()
        due = [one for one in waiting if one[0] <= now]
        waiting[:] = [one for one in waiting if one[0] > now]
        return [(data, source) for _, data, source in due[:64]]

    def look(self, ordinal: int, at: datagrams.Address, port: int = 0) -> None:
        self._looked.add(ordinal)

    def has_greeted(self, ordinal: int) -> bool:
        self._world.scheduler.running()
        pod = f"{self._world.name}-{ordinal}"
        other = self._world.server(pod)
        return (
            ordinal in self._looked
            and other is not None
            and other.is_up
            and not other.is_frozen()
            and self._is_there(pod)
        )

    def stop_looking(self, ordinal: int) -> None:
        self._looked.discard(ordinal)

    def _is_there(self, pod: str) -> bool:
        """A frozen server accepts and sends nothing; an agent on a node that is down gets nothing."""
        other = self._world.kubelet.of(pod)
        if other is None or frozenset((self._own.name, pod)) in self._world.cuts:
            return False
        return not self._world.is_down(other.server.volume.node)
