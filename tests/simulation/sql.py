"""The SQL seam: one connection to a model mysqld, with the statements that the real code sends. Others are a Gap."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from mysqlops import errors
from mysqlops.core import view
from mysqlops.mysql import connect
from tests.simulation import group as groups
from tests.simulation.mysqld import Mysqld, Operation
from tests.simulation.replica import NONE
from tests.simulation.scheduler import Gap, Scheduler

Row = tuple[Any, ...]
Hook = Callable[[str], None]
_READ = re.compile(r"^SELECT ((?:@@[\w.]+|\s|,)+)$")
_SET = re.compile(r"^SET (?:GLOBAL|PERSIST) (\w+) = (.*)$")
_FIXED_IN_A_GROUP = ("group_replication_group_name", "group_replication_preemptive_garbage_collection")
_LIMITED = "/*+ MAX_EXECUTION_TIME(1000) */"
_ROLES = ("PRIMARY", "SECONDARY")


class SimServer(connect.Server):
    """One open connection; it breaks when the server's process ends."""

    def __init__(self, server: Mysqld, scheduler: Scheduler, before: Hook, *, is_admin: bool) -> None:
        self._model, self._scheduler, self._before, self._is_admin = server, scheduler, before, is_admin
        self._start = server.starts
        self._read_timeout = 5.0
        self._idle_seconds, self._idle_since = float("inf"), scheduler.now
        self._connection = self  # type: ignore[assignment]  # for connect.set_read_timeout
        self.where = server.pod

    def close(self) -> None:
        pass

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        known = _KNOWN.get(sql)
        if known is None:
            text = " ".join(sql.split())
            handler = next((handler for start, handler in _STARTS if text.startswith(start)), None)
            if handler is None:
                raise Gap(f"a statement that no model knows: {text}")
            known = _KNOWN[sql] = text, handler
        text, handler = known
        self._wait(text)
        rows = handler(self, text, parameters)
        self._idle_since = self._scheduler.now
        return rows

    def scalar(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        return self.query(sql, parameters)[0][0]

    def execute_secret(self, sql: str, what: str) -> None:
        text = " ".join(sql.split())
        self._wait(what)
        try:
            self._run_secret(text, what)
        finally:
            self._idle_since = self._scheduler.now

    def _run_secret(self, text: str, what: str) -> None:
        if text.startswith("START GROUP_REPLICATION"):
            self._finish(self._model.start_group_replication(), what)
        elif text.startswith("CLONE INSTANCE"):
            host = text.partition("@'")[2].partition("'")[0]
            self._finish(self._model.clone(host), what)
        elif text.startswith("START REPLICA USER"):
            self._model.replica.start()
        else:
            raise Gap(f"a secret statement that no model knows: {what}")

    # --- the connection
    def _wait(self, text: str) -> None:
        """Until the server takes the statement; raises ConnectFailed if it is gone or stays frozen."""
        self._before(text)
        if self._scheduler.now - self._idle_since > self._idle_seconds:
            self._start = -1
            raise errors.ConnectFailed(f"{self.where}: {text[:40]} failed with MySQL error 4031: inactivity")
        self._scheduler.pause(self._scheduler.random.uniform(0.0002, 0.004))
        deadline = self._scheduler.now + self._read_timeout
        while self._model.is_frozen() and self._is_same():
            if self._scheduler.now >= deadline:
                raise errors.ConnectFailed(f"{self.where}: {text[:40]} failed with MySQL error 2013: timed out")
            self._scheduler.pause(0.5)
        self._check()

    def set_idle_seconds(self, text: str, _: Sequence[Any]) -> list[Row]:
        self._idle_seconds = float(text.rpartition(" ")[2])
        return []

    def _is_same(self) -> bool:
        return self._model.is_up and self._model.starts == self._start

    def _check(self) -> None:
        if not self._is_same():
            raise errors.ConnectFailed(f"{self.where}: MySQL error 2013: lost connection")

    def _finish(self, operation: Operation, what: str) -> None:
        deadline = self._scheduler.now + self._read_timeout
        while not operation.is_done:
            self._scheduler.pause(0.1)
            self._check()
            if self._scheduler.now >= deadline:
                raise errors.ConnectFailed(f"{self.where}: {what} failed with MySQL error 2013: timed out")
        if operation.trouble:
            number, _, why = operation.trouble.partition(" ")
            if number == "2013":
                raise errors.ConnectFailed(f"{self.where}: {why}")
            raise errors.StatementFailed(f"{what} failed with MySQL error {number}: {why}", errno=int(number))

    # --- handlers
    def variable(self, plain: str) -> Any:
        model = self._model
        if found := _SPECIAL.get(plain):
            return found(model)
        if plain in model.variables:
            return model.variables[plain]
        if plain not in model.settings:
            raise Gap(f"a variable that no model knows: {plain}")
        return model.settings[plain]

    def read(self, text: str, _: Sequence[Any]) -> list[Row]:
        return [tuple([self.variable(one) for one in _names(text)])]

    def set(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        match = _SET.match(text)
        if match is None:
            raise Gap(f"a SET that no model knows: {text}")
        name, value = match[1], parameters[0] if parameters else match[2].strip("'")
        if name not in self._model.variables and name in self._model.settings:
            self._model.settings.set(name, str(value))
            return []
        value = {"ON": 1, "OFF": 0}.get(value, value)
        is_fixed = self._model.seat is not None or (name == _FIXED_IN_A_GROUP[0] and self._model.is_starting())
        if name in _FIXED_IN_A_GROUP and is_fixed:
            raise errors.StatementFailed(f"{text} failed with MySQL error 3093: it is running", errno=3093)
        self._model.variables[name] = value
        # The one includes the other.
        if name == "super_read_only" and value:
            self._model.variables["read_only"] = 1
        if name == "read_only" and not value:
            self._model.variables["super_read_only"] = 0
        self._model.touch()
        return []

    def members(self, _: Sequence[Any]) -> list[Row]:
        model = self._model
        seat = model.seat
        if seat is None:
            return [(model.volume.uuid, model.host, groups.OFFLINE, "", 0, "")]
        rows = [(one.uuid, one.host, *self._sees(seat, one)) for one in seat.sight if self._lists(seat, one)]
        return sorted(rows, key=lambda row: str(row[1]))

    def leads(self, _: str, __: Sequence[Any]) -> list[Row]:
        seat = self._model.seat
        return [(1,)] if seat is not None and seat.state == groups.ONLINE and seat.leader is seat else []

    def _lists(self, seat: groups.Seat, one: groups.Seat) -> bool:
        """One in ERROR for want of a majority lists those whom it lost for a while; an expelled one only itself."""
        return one is seat or seat.state != groups.ERROR or self._scheduler.now < seat.parts_at

    def _sees(self, seat: groups.Seat, one: groups.Seat) -> Row:
        """State, role, queue, view."""
        view_id = seat.view_id
        if seat.state == groups.ERROR:
            if one is seat:
                has_parted = 0 < seat.parts_at <= self._scheduler.now
                return groups.ERROR, "", 0, "" if has_parted else view_id
            return groups.UNREACHABLE, _ROLES[one is not seat.leader], 0, view_id
        is_silent = one is not seat and seat.lost.get(one, 0.0) >= groups.SUSPECT_SECONDS
        state = groups.UNREACHABLE if is_silent else one.state
        state = groups.ONLINE if state == groups.ERROR else state  # nobody was told yet
        role = "" if state == groups.RECOVERING else _ROLES[one is not seat.leader]
        return state, role, len(one.server.volume.relay), view_id

    def received(self, _: Sequence[Any]) -> list[Row]:
        volume = self._model.volume
        found: list[Row] = [(volume.relay.text(), "group_replication_applier")]
        return found + ([(volume.channel.relay.text(), view.CHANNEL)] if volume.channel else [])

    # --- an ordinary replica's channel
    def change_source(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        if self._model.replica.runs():
            raise errors.StatementFailed(f"{text} failed with MySQL error 3081", errno=3081)
        self._model.replica.begin(str(parameters[0]))
        return []

    def on_channel(self, text: str, _: Sequence[Any]) -> list[Row]:
        replica = self._model.replica
        if self._model.volume.channel is None:
            raise errors.StatementFailed(f"{text} failed with MySQL error 3074: no channel", errno=3074)
        if text.startswith("START"):
            replica.apply()
        elif text.startswith("RESET"):
            replica.remove()
        elif "IO_THREAD" in text:
            replica.receives = False
        else:
            replica.stop()
        return []

    def channel_state(self, _: str, __: Sequence[Any]) -> list[Row]:
        model, channel = self._model, self._model.volume.channel
        if channel is None:
            return []
        replica, executed = model.replica, model.volume.executed.text()
        return [(channel.source, *replica.unreceived, channel.relay.text(), executed, int(replica.applies))]

    def channel_failure(self, _: str, __: Sequence[Any]) -> list[Row]:
        found = self._model.replica.unapplied if self._model.volume.channel is not None else NONE
        return [found] if found != NONE else []

    def failures(self, _: Sequence[Any]) -> list[Row]:
        """Of both channels."""
        at, replica = self._model.failed_at, self._model.replica
        found: list[Row] = (
            [("group_replication_applier", 1205, "Worker 1 failed executing transaction", at)] if at else []
        )
        if self.channel_failure("", ()):
            found.append((view.CHANNEL, *replica.unapplied, replica.failed_at))
        return found

    def apply(self, text: str, _: Sequence[Any]) -> list[Row]:
        """Outside the group; it is done, or has stopped, before anybody looks."""
        model = self._model
        if model.seat is not None:
            raise errors.StatementFailed(f"{text} failed with MySQL error 3139", errno=3139)
        if not model.fails_to_apply(self._scheduler.now):
            model.failed_at = ""
            model.volume.apply()
        model.touch()
        return []

    def clone_status(self, _: Sequence[Any]) -> list[Row]:
        return [("FILE COPY", 1, 2)] if self._model.is_cloning else []

    def stop_replication(self, text: str, _: Sequence[Any]) -> list[Row]:
        self._finish(self._model.stop_group_replication(), text)
        return []

    def drop_received(self, text: str, _: Sequence[Any]) -> list[Row]:
        if self._model.seat is not None:
            raise errors.StatementFailed(f"{text} failed with MySQL error 3081", errno=3081)
        self._model.volume.relay.clear()
        return []

    def make_primary(self, text: str, parameters: Sequence[Any]) -> list[Row]:
        self._finish(self._model.make_primary(str(parameters[0])), text)
        return []

    def reload_tls(self, _: str, __: Sequence[Any]) -> list[Row]:
        self._model.reload_tls()
        return []

    def nothing(self, _: str, __: Sequence[Any]) -> list[Row]:
        return []

    def on(self, _: str, __: Sequence[Any]) -> list[Row]:
        return [("it", "ON")]

    def counted(self, _: str, __: Sequence[Any]) -> list[Row]:
        return [("uptime", "1"), ("threads_connected", "2")]

    def counted_of_group(self, _: str, __: Sequence[Any]) -> list[Row]:
        return [(len(self._model.volume.relay), *[0] * 7)] if self._model.seat is not None else []

    def zero(self, _: str, __: Sequence[Any]) -> list[Row]:
        return [(0,)]

    def time(self, _: str, __: Sequence[Any]) -> list[Row]:
        return [(datetime(2026, 1, 1, microsecond=int(self._scheduler.now * 1000) % 1000000, tzinfo=UTC),)]


_SPECIAL: dict[str, Callable[[Mysqld], Any]] = {
    "server_uuid": lambda model: model.volume.uuid,
    "version": lambda model: model.version,
    "gtid_executed": lambda model: model.volume.executed.text(),
    "gtid_purged": lambda model: model.volume.purged,
    "report_host": lambda model: model.host,
}


@cache
def _names(text: str) -> tuple[str, ...]:
    match = _READ.match(text)
    if match is None:
        raise Gap(f"a SELECT that no model knows: {text}")
    return tuple(_plain(one.strip()) for one in match[1].split(","))


def _plain(name: str) -> str:
    return name.removeprefix("@@").removeprefix("global.").removeprefix("GLOBAL.")


_Handler = Callable[[SimServer, str, Sequence[Any]], list[Row]]


def _others(handler: Callable[[SimServer, Sequence[Any]], list[Row]]) -> _Handler:
    return lambda server, _, parameters: handler(server, parameters)


_ON_CHANNEL = ("STOP REPLICA", "STOP REPLICA IO_THREAD", "START REPLICA SQL_THREAD", "RESET REPLICA ALL")
_KNOWN: dict[str, tuple[str, _Handler]] = {}
_STARTS: list[tuple[str, _Handler]] = [
    ("SELECT @@", SimServer.read),
    ("SET SESSION wait_timeout = ", SimServer.set_idle_seconds),
    ("SET GLOBAL server_id = ", SimServer.nothing),  # no transaction has one here
    ("SET ", SimServer.set),
    ("SELECT member_id", _others(SimServer.members)),
    ("SELECT received_transaction_set", _others(SimServer.received)),
    ("SELECT COALESCE(MAX(last_error_number)", SimServer.zero),
    ("SELECT channel_name, last_error_number", _others(SimServer.failures)),
    ("SELECT p.stage", _others(SimServer.clone_status)),
    ("SELECT error_no", SimServer.nothing),
    (f"SELECT {_LIMITED} LOWER(variable_name)", SimServer.counted),
    (f"SELECT {_LIMITED} count_transactions_in_queue", SimServer.counted_of_group),
    (f"SELECT {_LIMITED} IF(error_number", SimServer.nothing),
    ("SHOW GLOBAL VARIABLES", SimServer.on),
    ("SELECT data FROM performance_schema.error_log", SimServer.nothing),
    ("SELECT NOW(6)", SimServer.time),
    ("SELECT group_replication_set_as_primary", SimServer.make_primary),
    ("STOP GROUP_REPLICATION", SimServer.stop_replication),
    ("RESET REPLICA FOR CHANNEL 'group_replication_applier'", SimServer.drop_received),
    ("SELECT id FROM performance_schema.processlist", SimServer.nothing),
    ("SELECT t.trx_mysql_thread_id", SimServer.nothing),
    ("SELECT t.processlist_id", SimServer.nothing),  # no model receives half a transaction
    *((f"{verb} FOR CHANNEL '{view.CHANNEL}'", SimServer.on_channel) for verb in _ON_CHANNEL),
    ("CHANGE REPLICATION SOURCE", SimServer.change_source),
    ("SELECT c.source_uuid", SimServer.channel_state),
    ("SELECT DISTINCT filter_name", SimServer.nothing),
    ("SELECT last_error_number, last_error_message", SimServer.channel_failure),
    ("START REPLICA SQL_THREAD", SimServer.apply),
    ("STOP REPLICA SQL_THREAD", SimServer.nothing),
    ("SELECT 1 FROM performance_schema.replication_applier_status", SimServer.nothing),
    ("SELECT 1 FROM performance_schema.replication_group_members", SimServer.leads),
    ("ALTER INSTANCE RELOAD TLS", SimServer.reload_tls),
]
