"""One mysqld: what dies with its process (variables, membership) over what lies on its volume; START, STOP, CLONE."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mysqlops.clock import Signal
from tests.simulation import group as groups
from tests.simulation.replica import Replica
from tests.simulation.scheduler import Scheduler
from tests.simulation.server_settings import Settings
from tests.simulation.volume import Volume

if TYPE_CHECKING:
    from tests.simulation.account_sql import NamedLock

# START GROUP_REPLICATION waits so long for a view that has it, and asks again if the group still counted its old self.
JOIN_SECONDS, AGAIN_SECONDS = 60.0, 43.0


class Operation:
    """A statement that the server goes on with although its client dies."""

    def __init__(self) -> None:
        self.is_done, self.trouble = False, ""


class Mysqld:
    """The mysqld container of one pod."""

    def __init__(self, pod: str, host: str, volume: Volume, around: Around) -> None:
        self.pod, self.host, self.volume, self.around = pod, host, volume, around
        self.random: random.Random = around.scheduler.random
        self.is_up = self.is_stopped = False
        self.has_stopped = False  # by itself: its socket is gone
        self.ends: list[Signal] = []  # of those who wait for its end
        self.starts = 0
        self.version = "9.7.4"
        self.seat: groups.Seat | None = None
        self.variables: dict[str, Any] = {}
        self.applier_held = self.was_made_primary = False
        self.is_cloning = False
        self.applier_fails = False  # at whatever it has to apply
        self.failed_at = ""  # when it did last
        self.token = ""  # of the probe table
        self.login = ""  # the password that START GROUP_REPLICATION was given, in memory
        self.named_lock: NamedLock | None = None
        self.my_cnf: Callable[[], str] = str
        self.settings = Settings("")
        self.replica = Replica(self, around)
        self.files: dict[str, str] = {}  # of the folder for certificates
        self.tls: dict[str, str] = {}  # what it has loaded of them

    # --- its process
    def boot(self, version: str) -> None:
        """Start: read-only and outside any group; relay_log_recovery = ON drops what was received and not applied."""
        self.starts += 1
        self.is_up, self.is_stopped, self.seat, self.version = True, False, None, version
        self.was_made_primary = self.is_cloning = self.applier_held = False
        self.failed_at, self.login, self._begun = "", "", Operation()
        self._begun.is_done = True
        self.replica.boot()
        self.settings = Settings(self.my_cnf())
        self.reload_tls()
        self.volume.version = max(self.volume.version, version)
        self.volume.is_restored = False
        self.variables = {
            "super_read_only": 1,
            "read_only": 1,
            "offline_mode": 1,
            "group_replication_bootstrap_group": 0,
            "group_replication_group_name": "",
            "group_replication_group_seeds": "",
            "group_replication_local_address": f"{self.host}:3306",
            "group_replication_member_expel_timeout": 0,
            "relay_log_recovery": int(self.around.drops_relay_log),
        }
        if self.around.drops_relay_log:
            self.volume.throw_relay_away()
        self.volume.unsynced.clear()
        self.touch()

    def reload_tls(self) -> None:
        self.tls = dict(self.files)
        self.around.loaded_tls()

    def die(self, *, power: bool = False) -> None:
        """kill -9, or the power goes: then what was not flushed is gone."""
        if power:
            self.volume.lose_tail()
        self.is_up, self.seat, self.has_stopped = False, None, False
        for signal in self.ends:
            signal.set()
        self.ends.clear()
        self.touch()

    def shut_down(self) -> None:
        """SIGTERM: the plugin leaves the group by itself."""
        if self.is_up and not self.is_stopped:
            self.refuse_writes()
            self.around.replication.leave(self)
        self.die()
        self.has_stopped = True

    def is_frozen(self) -> bool:
        return self.is_stopped or self.around.is_down(self.volume.node)

    def host_name(self) -> str:
        return self.pod

    def touch(self) -> None:
        """Something changed that its agent should see soon."""
        self.around.changed(self.pod)

    # --- what the group does to it
    def refuse_writes(self) -> None:
        self.variables["super_read_only"] = self.variables["read_only"] = 1
        self.was_made_primary = False

    def fails_to_apply(self, now: float) -> bool:
        """The server tells of the failure until its applier starts again."""
        if not self.applier_fails or not len(self.volume.relay):
            return False
        self.failed_at = f"at {now:.3f}"
        return True

    def exits(self, why: str) -> None:
        """exit_state_action = OFFLINE_MODE."""
        self.refuse_writes()
        self.variables["offline_mode"] = 1
        self.around.say(f"{self.pod} goes to ERROR: {why}")
        self.touch()

    def takes_writes(self) -> bool:
        """From a client without any privilege."""
        if not self.is_up:
            return False
        values = self.variables
        writable = not values["super_read_only"] and not values["read_only"] and not values["offline_mode"]
        return bool(not self.is_frozen() and writable and not self.settings.shuts_clients_out())

    def is_starting(self) -> bool:
        """Whether a START GROUP_REPLICATION is on its way, whoever sent it."""
        return not self._begun.is_done

    # --- statements that take their time
    def start_group_replication(self) -> Operation:
        operation = Operation()
        if self.seat is not None:
            operation.is_done, operation.trouble = True, "3093 The START GROUP_REPLICATION command failed: running"
            return operation
        self.failed_at, self._begun = "", operation
        before = self.variables["super_read_only"], self.variables["read_only"]
        self.variables["super_read_only"] = self.variables["read_only"] = 1
        # Read at once: while a disk delays the rest, turning the variable off changes nothing.
        forms = bool(self.variables["group_replication_bootstrap_group"])
        self._later(
            self.random.uniform(0.3, 2.5), operation, lambda: self._start(operation, before, JOIN_SECONDS, forms=forms)
        )
        return operation

    def _start(self, operation: Operation, before: tuple[Any, Any], left: float, *, forms: bool) -> str | None:
        """A START that fails leaves the server as writable as it was."""
        if self.seat is not None:
            return "3093 it runs already"
        number, why, again = self._enter(forms=forms)
        if again is not None and left > 0:
            wait = min(left, again)
            self._later(wait, operation, lambda: self._start(operation, before, left - wait, forms=forms))
            return None
        if why:
            self.variables["super_read_only"], self.variables["read_only"] = before
        return f"{number} {why}" if why else ""

    def _enter(self, *, forms: bool) -> tuple[int, str, float | None]:
        """Which error, why, and after how many seconds it tries again."""
        if self.replica.runs():
            return 3092, "an asynchronous channel runs", None
        name = self.variables["group_replication_group_name"]
        if not name:
            return 3092, "the group name is empty", None
        if forms and self.around.lets_in(self, [self]):
            self.around.replication.form(self, name)
            return 0, "", None
        seeds = [host.partition(".")[0] for host in self.variables["group_replication_group_seeds"].split(",")]
        found = [server for pod in seeds if (server := self.around.server(pod)) is not None]
        if not found:
            return 3096, "None of the provided peer address is valid", None
        found = self.around.lets_in(self, found)
        why = self.around.replication.join(self, name, found)
        return 3092, why, {groups.NO_PEER: JOIN_SECONDS, groups.OLD_SELF: AGAIN_SECONDS}.get(why)

    def stop_group_replication(self) -> Operation:
        operation = Operation()
        self._later(self.random.uniform(0.1, 1.0), operation, self._stop)
        return operation

    def _stop(self) -> str:
        self.refuse_writes()
        self.around.replication.leave(self)
        self.touch()
        return ""

    def make_primary(self, uuid: str) -> Operation:
        operation = Operation()

        def change() -> str:
            why = self.around.replication.set_primary(self, uuid)
            return f"3910 {why}" if why else ""

        self._later(self.random.uniform(0.1, 1.0), operation, change)
        return operation

    def clone(self, host: str) -> Operation:
        """Replaces the data; mysqld stops at the end, and kubelet starts it again."""
        operation = Operation()
        donor = self.around.server(host.partition(".")[0])
        if donor is None or not donor.is_up or donor.is_frozen() or not self.around.reaches(self, donor):
            operation.is_done, operation.trouble = True, "3862 Clone Donor Error"
            return operation
        self.is_cloning = True
        self.volume.empty()

        def finish() -> str:
            self.is_cloning = False
            if not donor.is_up or donor.is_frozen() or not self.around.reaches(self, donor):
                return "3862 Clone Donor Error: the connection broke"
            self.volume.copy_from(donor.volume)
            self.around.say(f"{self.pod} has cloned {donor.pod}")
            self.die()
            return "2013 the server stopped"

        self._later(self.random.uniform(2.0, 6.0), operation, finish)
        return operation

    def _later(self, seconds: float, operation: Operation, act: Callable[[], str | None]) -> None:
        """Only if this very process still lives then; frozen, it goes on once thawed. None: it takes longer."""
        start = self.starts

        def run() -> None:
            if self.starts != start or not self.is_up:
                return
            if self.is_frozen():
                self.around.scheduler.after(0.5, run)
                return
            trouble = act()
            if trouble is not None:
                operation.trouble, operation.is_done = trouble, True

        self.around.scheduler.after(seconds, run)


class Around:
    """What a mysqld needs of the world; world.py fills it in."""

    scheduler: Scheduler
    replication: groups.Replication
    drops_relay_log: bool

    def is_down(self, node: str) -> bool:
        raise NotImplementedError

    def server(self, pod: str) -> Mysqld | None:
        raise NotImplementedError

    def reaches(self, one: Mysqld, other: Mysqld) -> bool:
        raise NotImplementedError

    def changed(self, pod: str) -> None:
        raise NotImplementedError

    def lets_in(self, one: Mysqld, others: list[Mysqld]) -> list[Mysqld]:
        """Those of the others that and which it lets in."""
        return others

    def takes_login(self, source: Mysqld, password: str) -> bool:
        """Whether the source lets an ordinary replica in."""
        return True

    def loaded_tls(self) -> None:
        """A server has loaded its certificate's files."""

    def say(self, text: str) -> None:
        raise NotImplementedError
