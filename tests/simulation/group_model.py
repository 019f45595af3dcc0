"""The simulator's model behind the contract's interface: three model mysqlds, their volumes, and one scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mysqlops import errors
from mysqlops.core import names, view
from mysqlops.mysql import catching_up, clone, connect, group_replication, xcom
from tests.simulation import group as groups
from tests.simulation import mysqld
from tests.simulation.group_contract import NAME
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.sql import SimServer
from tests.simulation.volume import Volume

T = TypeVar("T")
_LOGIN = connect.Login(names.USER_REPLICATION, "secret")
_VERSION = "9.7.4"
_LONGEST = 600.0


class ModelClient:
    """Asks whoever the server is when the write arrives, as the simulator's ledger does."""

    def __init__(self, servers: ModelServers, number: int) -> None:
        self._servers, self._server = servers, servers.members[number]
        self._start = self._server.starts
        self._answer: bool | None = None
        self.why_not = "the server takes no writes"

    def is_acknowledged(self) -> bool | None:
        return self._answer

    def send(self) -> None:
        server, seat = self._server, self._server.seat
        if not server.is_up or server.starts != self._start:
            self._answer = False
        elif server.is_frozen():
            self._servers.scheduler.after(0.05, self.send)
        elif not server.takes_writes() or seat is None or seat.state != groups.ONLINE:
            self._answer = False
        elif self._servers.replication.write(seat, self._servers.new_content()) is not None:
            self._answer = True
        else:
            self._servers.scheduler.after(0.05, self.send)  # it waits for a majority


class ModelServers(mysqld.Around):
    """Implements group_contract.Servers."""

    def __init__(self, seed: int) -> None:
        self.scheduler = Scheduler(seed)
        self.drops_relay_log = False
        self.trace: list[str] = []
        self._cut: set[str] = set()
        self._content = 0
        self.replication = groups.Replication(self.now, self.reaches, self.say)
        volumes = [
            Volume(f"uid-{one}", f"data-mysql-{one}", "node", f"{one}0000000-0000-0000-0000-000000000000")
            for one in range(3)
        ]
        self.members = [
            mysqld.Mysqld(names.pod("mysql", one), f"{names.pod('mysql', one)}.mysql.db.svc", volumes[one], self)
            for one in range(3)
        ]
        for member in self.members:
            member.boot(_VERSION)
        self.scheduler.after(groups.TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self.replication.tick()
        self.scheduler.after(groups.TICK_SECONDS, self._tick)

    def new_content(self) -> int:
        self._content += 1
        return self._content

    # --- the models' surroundings
    def is_down(self, node: str) -> bool:
        return False

    def server(self, pod: str) -> mysqld.Mysqld | None:
        """The name of a container that has stopped does not resolve, nor does that of a pod which is gone."""
        return next((one for one in self.members if one.pod == pod and one.is_up), None)

    def reaches(self, one: mysqld.Mysqld, other: mysqld.Mysqld) -> bool:
        if not all(each.is_up and not each.is_frozen() for each in (one, other)):
            return False
        return one is other or not self._cut & {one.pod, other.pod}

    def changed(self, pod: str) -> None:
        pass

    def say(self, text: str) -> None:
        self.trace.append(f"{self.scheduler.now:7.2f}  {text}")

    # --- time
    def now(self) -> float:
        return self.scheduler.now

    def wait(self, seconds: float) -> None:
        self.scheduler.run(self.scheduler.now + seconds)

    def _do(self, number: int, work: Callable[[connect.Server], T]) -> T:
        """As a program would, on a connection of its own; returns or raises what it did."""
        outcome: list[T | Exception] = []

        def run() -> None:
            member = self.members[number]
            try:
                if not member.is_up:
                    raise errors.ConnectFailed(f"{member.pod} is down")
                outcome.append(work(SimServer(member, self.scheduler, lambda _: None, is_admin=True)))
            except errors.MysqlopsError as error:
                outcome.append(error)

        Process(self.scheduler, "the case", run)
        self.scheduler.run(self.scheduler.now + _LONGEST, lambda: bool(outcome or self.scheduler.reports))
        assert not self.scheduler.reports, self.scheduler.reports
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    # --- what happens to them
    def start(self, number: int) -> None:
        self.members[number].boot(_VERSION)

    def kill(self, number: int) -> None:
        self.members[number].die()

    def stop(self, number: int) -> None:
        self.members[number].shut_down()

    def pause(self, number: int) -> None:
        self.members[number].is_stopped = True

    def resume(self, number: int) -> None:
        self.members[number].is_stopped = False

    def cut(self, number: int) -> None:
        self._cut.add(self.members[number].pod)

    def reconnect(self, number: int) -> None:
        self._cut.discard(self.members[number].pod)

    # --- as the agent does it
    def form(self, number: int, group_name: str = NAME) -> None:
        self._begin(number, [number], group_name, bootstrap=True)

    def join(self, number: int, *through: int, group_name: str = NAME) -> None:
        self._begin(number, [*through], group_name, bootstrap=False)

    def _begin(self, number: int, through: list[int], name: str, *, bootstrap: bool) -> None:
        seeds = [self.members[one].host for one in through]
        self._do(
            number,
            lambda server: group_replication.start(server, _LOGIN, group_name=name, seeds=seeds, bootstrap=bootstrap),
        )

    def accept_clients(self, number: int) -> None:
        self._do(number, group_replication.accept_clients)

    def leave(self, number: int) -> None:
        self._do(number, group_replication.stop)

    def hand_over(self, of: int, to: int) -> None:
        uuid = self.members[to].volume.uuid
        self._do(of, lambda server: group_replication.set_as_primary(server, uuid, transactions_seconds=10))

    def copy(self, number: int, donor: int) -> None:
        self._do(number, lambda server: clone.take(server, self.members[donor].host, _LOGIN))

    def observe(self, number: int) -> view.ServerView:
        return self._do(number, group_replication.observe)

    def ask_to_remove(self, number: int, of: int, group_name: str = NAME) -> xcom.Answer:
        return self.replication.ask_to_remove(self.members[number], group_name, self.members[of].host)

    def counted(self, number: int) -> tuple[str, ...]:
        member = self.members[number]
        if found := self.replication.addresses(member) if member.is_up else ():
            return found
        raise errors.ConnectFailed(f"{member.pod}: in no group")

    def respell(self, number: int) -> None:
        self._do(number, group_replication.respell_address)

    def start_as_it_is(self, number: int) -> None:
        self._do(number, lambda server: server.execute_secret("START GROUP_REPLICATION", "START GROUP_REPLICATION"))

    def catch_up(self, number: int, source: int) -> None:
        self._do(number, lambda server: catching_up.begin(server, self.members[source].host, _LOGIN, "ca.crt"))

    def channel(self, number: int) -> catching_up.State | None:
        return self._do(number, catching_up.state)

    def stop_receiving(self, number: int) -> None:
        self._do(number, catching_up.stop_receiving)

    def apply_received(self, number: int) -> None:
        self._do(number, catching_up.start_applying)

    def remove_channel(self, number: int) -> None:
        self._do(number, catching_up.remove)

    def remove_applied_channel(self, number: int) -> None:
        self._do(number, catching_up.remove_applied)

    # --- as clients and others do it
    def set_bootstrap(self, number: int) -> None:
        self._do(number, lambda server: server.query("SET GLOBAL group_replication_bootstrap_group = ON"))

    def client(self, number: int) -> ModelClient:
        return ModelClient(self, number)

    def write_alone(self, number: int) -> None:
        volume = self.members[number].volume
        volume.executed.add((volume.uuid, volume.executed.highest(volume.uuid) + 1), self.new_content())

    def hold_up(self, number: int) -> None:
        self.members[number].applier_held = True

    def spoil(self, number: int) -> None:
        self.members[number].applier_fails = True

    def expel_late(self, number: int, seconds: int) -> None:
        self.members[number].variables["group_replication_member_expel_timeout"] = seconds
