"""One agent: the real loop, publisher, ClusterApi and member, over this world's clock, API server and mysqld."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.agent import (
    cluster_api,
    datagrams,
    events,
    health,
    loop,
    member,
    metrics,
    pod,
    settings,
)
from mysqlops.clock import Clock
from mysqlops.core import names, publication, view
from mysqlops.core.typed import Json
from mysqlops.mysql import accounts, connect, xcom
from mysqlops.planning import catching_up, obituary
from tests.simulation import certificates, passwords, wires
from tests.simulation.clients import AgentApi
from tests.simulation.clock import SimSignal
from tests.simulation.scheduler import Process

if TYPE_CHECKING:
    from tests.simulation.kubelet import Containers
    from tests.simulation.mysqld import Mysqld
    from tests.simulation.world import World

_TURN = 0.3


class OwnPod(pod.Pod):
    """What the agent touches in its pod."""

    def __init__(self, me: settings.Settings, world: World, containers: Containers) -> None:
        self.me, self._world, self._containers = me, world, containers

    def server(self) -> connect.Server:
        model, world = self._containers.server, self._world
        world.scheduler.running()
        if model.is_frozen():
            world.scheduler.pause(5.0)
        if not model.is_up or model.is_frozen():
            raise errors.ConnectFailed("the local server: connect failed with MySQL error 2002")
        if world.accounts is not None and not any(
            world.accounts.accepts(model, accounts.ADMIN, self.find(key))
            for key in (accounts.ADMIN.key, names.previous_key(accounts.ADMIN.key))
        ):
            raise errors.AccessDenied("the local server: connect failed with MySQL error 1045")
        return world.connection(model, world.before_statement)

    def server_as_root(self) -> connect.Server:
        found = self._world.accounts
        if found is not None and not found.accepts(
            self._containers.server, accounts.ROOT, self.find(accounts.ROOT.key)
        ):
            raise errors.AccessDenied("the local server: connect failed with MySQL error 1045")
        return self._world.connection(self._containers.server, self._world.before_statement)

    def accepts(self, one: accounts.Account, password: str, host: str = "") -> bool:
        """As rotation.py asks it, of this server or another."""
        world = self._world
        assert world.accounts is not None
        server = world.server(host.partition(".")[0]) if host else self._containers.server
        world.scheduler.pause(0.02)
        own = self._containers.server
        if server is None or not server.is_up or server.is_frozen() or (host and not world.reaches(own, server)):
            raise errors.ConnectFailed(f"{host}: connect failed with MySQL error 2003")
        return world.accounts.accepts(server, one, password)

    def zones(self) -> str:
        return ""

    def reaches(self, host: str) -> bool:
        other = self._world.server(host.partition(".")[0])
        self._world.scheduler.pause(0.01)
        return other is not None and self._world.reaches(self._containers.server, other)

    def server_of(self, pod: str) -> connect.Server:
        world, own = self._world, self._containers.server
        world.scheduler.pause(0.02)
        other = world.server(pod)

        def before(text: str) -> None:
            if other is None or not world.reaches(own, other):
                raise errors.ConnectFailed(f"{pod}: connect failed with MySQL error 2013")
            world.before_statement(text)

        before("connect")
        assert other is not None
        if not world.takes_login(other, self.login("", accounts.REPLICATION.key).password):
            raise errors.AccessDenied(f"{pod}: connect failed with MySQL error 1045")
        return world.connection(other, before)

    def has_own_name(self) -> bool:
        return self._world.kubelet.of(self.me.pod) is self._containers

    def await_end(self) -> bool:
        model, signal = self._containers.server, SimSignal(self._world.scheduler)
        self._world.scheduler.running()
        if not model.is_up:
            return False
        model.ends.append(signal)
        signal.wait()
        return True

    def is_refused(self) -> bool:
        self._world.scheduler.running()
        return not self._containers.server.is_up and not self._containers.server.has_stopped

    def ask_to_remove(self, witness: str, group_name: str, seconds: float) -> xcom.Answer:
        """As the real one, it sends nothing once its time is over."""
        other = self._asked(witness, seconds)
        return self._world.replication.ask_to_remove(other, group_name, self._containers.server.host)

    def counted_by(self, other: str, group_name: str, seconds: float) -> tuple[str, ...]:
        found = self._world.replication.addresses(self._asked(other, seconds))
        if not found:
            raise errors.ConnectFailed(f"{other}: in no group")
        return found

    def _asked(self, other: str, seconds: float) -> Mysqld:
        """A member that answers over the group's channel in time."""
        world, own = self._world, self._containers.server
        until = world.now() + seconds
        world.scheduler.pause(world.scheduler.random.uniform(0.02, seconds))
        found = world.server(other)
        is_cut = found is not None and frozenset((own.pod, found.pod)) in world.cuts
        if found is None or not found.is_up or found.is_frozen() or is_cut or world.now() > until:
            raise errors.ConnectFailed(f"{other}: timed out")
        return found

    def ask_own_to_remove(self, ordinal: int, group_name: str, seconds: float) -> xcom.Answer:
        world, own = self._world, self._containers.server
        until = world.now() + seconds
        world.scheduler.pause(world.random.uniform(0.02, 0.3))
        if not own.is_up or own.is_frozen() or world.now() > until:
            raise errors.ConnectFailed("127.0.0.1: timed out")
        return world.replication.ask_to_remove(own, group_name, self.me.host(ordinal))

    def wire(self) -> datagrams.Wire:
        return wires.SimWire(self._world, self._containers)

    def find(self, key: str) -> str | None:
        return self._containers.memory.get(key)

    def keep(self, values: Mapping[str, str | None]) -> None:
        self._world.scheduler.running()
        for key, value in values.items():
            self._containers.memory.pop(key, None)
            if value is not None:
                self._containers.memory[key] = value

    def has_exporter(self) -> bool:
        return False

    def login(self, user: str, key: str) -> connect.Login:
        return connect.Login(user, self.find(key) or "secret")

    def group_name(self) -> str:
        return self._containers.group_name

    def volume(self) -> tuple[int, int]:
        data = self._containers.volume
        return data.size, data.size - (1 << 20) if data.is_full else data.size // 4

    def config(self) -> str:
        return _digest(self._containers.my_cnf)

    def hold_back(self) -> None:
        self._world.scheduler.running()
        self._containers.has_left = False

    def let_go(self) -> None:
        self._world.scheduler.running()
        self._containers.has_left = True

    @contextlib.contextmanager
    def handing_over(self) -> Iterator[None]:
        self._containers.handing_over = self._world.scheduler.running().process
        try:
            yield
        finally:
            self._world.scheduler.running()
            self._containers.handing_over = None

    def note_standing(self, text: str) -> None:
        self._world.scheduler.running()
        self._containers.standing = text

    def standing(self) -> str | None:
        return self._containers.standing

    def note_growth(self, seconds: float | None) -> None:
        pass

    def note_switchover(self, seconds: float, at: float) -> None:
        pass

    def switchovers(self) -> tuple[float, float, float]:
        return 0.0, 0.0, 0.0

    def resident_bytes(self) -> int:
        return 0

    def is_handing_over(self, clock: Clock) -> bool:
        process = self._containers.handing_over
        return process is not None and process.is_alive


@lru_cache(maxsize=512)
def _digest(my_cnf: str) -> str:
    return publication.config_digest(my_cnf.encode())


class Around(cluster_api.ClusterApi):
    """Users have turned obituaries on everywhere, and fast failure detection in some worlds."""

    is_fast = False

    def _record(self, lease: Json, asked_at: float = 0.0) -> view.GroupRecord:
        found = super()._record(lease, asked_at)
        found.__dict__["obituary"] = obituary.ON  # it is new, and nobody else has it yet
        found.__dict__["failure_detection"] = view.FAST if self.is_fast else ""
        return found


class Agent:
    """One run of the agent's program."""

    def __init__(self, world: World, containers: Containers) -> None:
        self._world, self._containers = world, containers
        self._loop: loop.Loop | None = None
        self._probes: health.Health | None = None
        self.is_restless_until = 0.0
        self.process = Process(world.scheduler, f"agent {containers.name}", self._main)
        self.process.nap = self._nap

    def _main(self) -> None:
        world, containers = self._world, self._containers
        me = settings.Settings(world.name, world.namespace, containers.name, containers.uid)
        clock = world.clock_of(containers.node)
        api = AgentApi(world.api, world.before_call, world.after_call, world.watching)
        own = OwnPod(me, world, containers)
        around = Around(api, me, clock)
        around.is_fast = world.is_fast
        server = member.Member(own)
        kind = certificates.Watch if world.accounts is None else passwords.Watch
        watch = kind(api, own, containers.tls, server)
        scraped, posted = metrics.Metrics(own, around, api, clock), events.Events(me, around, api, clock)
        self._probes = health.Health(clock, scraped, posted)
        self._loop = loop.Loop(own, server, around, watch, self._probes, clock=clock)
        # Worlds have few writes: whatever is missing is worth it here.
        self._loop.catching.memory = catching_up.Memory(at_least=1)
        if containers.terminating_since is not None:
            self._loop.stop()
        scraped.start()
        posted.start()
        self._loop.run()

    def stop(self) -> None:
        """SIGTERM."""
        if self._loop is not None:
            self._loop.stop()

    def is_ready(self) -> bool:
        return self._probes is not None and self._probes.is_ready()

    def is_stuck(self) -> bool:
        """What the liveness probe would say."""
        return self._probes is not None and not self._probes.is_alive()

    def scrape(self) -> str:
        """What Prometheus gets."""
        return self._probes.answer("/metrics")[1] if self._probes is not None else ""

    def waits_for(self) -> str:
        return self._probes.why() if self._probes else "starting"

    def _nap(self, seconds: float) -> float:
        """Turns come quickly only while something changes: a busy machine is as slow, and the world is cheaper."""
        if seconds > _TURN or self._world.scheduler.running().name == "heartbeats":
            return seconds
        random = self._world.scheduler.random
        if self._world.now() < self.is_restless_until:
            return random.uniform(0.2, 0.4)
        return random.uniform(1.5, 3.0)
