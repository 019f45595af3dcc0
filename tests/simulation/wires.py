"""How agents hear each other in a world (agent/datagrams.py): datagrams come late or never, and ports greet.

An address is a pod's name and UID: as an IP address, it ends with its pod. Contract: wire_cases.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mysqlops.agent import datagrams
from mysqlops.core import heartbeat

if TYPE_CHECKING:
    from tests.simulation.kubelet import Containers
    from tests.simulation.world import World

_LATE_SECONDS = (0.001, 0.05)
_LOST = 0.01
_MOST_READ, _MOST_LOOKS = 64, 3
_MOST_KEPT = 78  # datagrams that fit into the kernel's buffer: it drops newer ones


@dataclass
class _Look:
    """A connection to that pod's server; of which start of it, unless no packet has reached it yet."""

    pod: str
    start: int | None = None


class SimWire(datagrams.Wire):
    """One agent's."""

    def __init__(self, world: World, own: Containers) -> None:
        self._world, self._own = world, own
        self._tries: dict[int, list[_Look]] = {}
        world.datagrams[own.uid] = []

    def close(self) -> None:
        self._world.datagrams.pop(self._own.uid, None)

    def resolve(self, host: str, port: int = 0) -> datagrams.Address | None:
        self._world.scheduler.pause(self._world.random.uniform(0.001, 0.5))
        found = self._world.kubelet.of(host.partition(".")[0])
        return (found.name, found.uid) if found else None

    def send(self, data: bytes, to: datagrams.Address) -> None:
        world, uid = self._world, str(to[1])
        world.scheduler.running()
        waiting = world.datagrams.get(uid)
        is_cut = not world.unheard.isdisjoint((str(to[0]), self._own.name))
        is_kept = waiting is not None and len(waiting) < _MOST_KEPT and self._reaches(uid) and not is_cut
        if is_kept and waiting is not None and world.random.random() > _LOST:
            at = world.now() + world.random.uniform(*_LATE_SECONDS)
            waiting.append((at, data[: heartbeat.LONGEST + 1], (self._own.name, self._own.uid)))

    def receive(self) -> list[tuple[bytes, datagrams.Address]]:
        now, waiting = self._world.now(), self._world.datagrams.get(self._own.uid, [])
        self._world.scheduler.running()
        due = [one for one in waiting if one[0] <= now]
        waiting[:] = due[_MOST_READ:] + [one for one in waiting if one[0] > now]
        return [(data, source) for _, data, source in due[:_MOST_READ]]

    def look(self, ordinal: int, at: datagrams.Address, port: int = 0) -> None:
        tries = self._tries.setdefault(ordinal, [])
        if len(tries) < _MOST_LOOKS:
            tries.append(_Look(str(at[1])))
            self._connect(tries[-1])

    def has_greeted(self, ordinal: int) -> bool:
        self._world.scheduler.running()
        for one in [*self._tries.get(ordinal, ())]:
            if not self._reaches(one.pod):
                continue
            if not self._connect(one):
                self._tries[ordinal].remove(one)
            elif not self._world.kubelet.pods[one.pod].server.is_frozen():
                self.stop_looking(ordinal)
                return True
        return False

    def _connect(self, look: _Look) -> bool:
        """False if nobody listens, or no longer. The kernel accepts for a frozen server."""
        found = self._world.kubelet.pods.get(look.pod)
        if found is None or not self._reaches(look.pod):
            return found is not None
        look.start = found.server.starts if look.start is None else look.start
        return found.server.is_up and look.start == found.server.starts

    def stop_looking(self, ordinal: int) -> None:
        self._tries.pop(ordinal, None)

    def _reaches(self, uid: str) -> bool:
        """An agent on a node that is down gets nothing."""
        other = self._world.kubelet.pods.get(uid)
        if other is None or frozenset((self._own.name, other.name)) in self._world.cuts:
            return False
        return not self._world.is_down(other.server.volume.node)
