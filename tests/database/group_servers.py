"""Real servers behind the contract's interface; they serve one case after the other, emptied in between."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from mysqlops import errors
from mysqlops.core import view
from mysqlops.mysql import catching_up, connect, group_replication, xcom
from tests.database.group import REPLICATION, Group, Member
from tests.simulation.group_contract import NAME

_EMPTIED = """
SET GLOBAL super_read_only = OFF; SET GLOBAL offline_mode = ON; SET GLOBAL group_replication_bootstrap_group = OFF;
SET GLOBAL group_replication_member_expel_timeout = 0; SET sql_log_bin = 0; CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE IF NOT EXISTS shop.t (id INT AUTO_INCREMENT PRIMARY KEY); TRUNCATE TABLE shop.t;
RESET BINARY LOGS AND GTIDS; SET GLOBAL super_read_only = ON
"""
_CA = "/run/tls/ca.crt"
_SPOILT_ROWS = 1000


class RealClient:
    """Its statement runs in a thread: it may hang for as long as the server is frozen."""

    def __init__(self, server: connect.Server) -> None:
        self._server = server
        self._answer: bool | None = None
        self.why_not = ""

    def send(self) -> None:
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self) -> None:
        try:
            self._server.query("INSERT INTO shop.t VALUES ()")
            self._answer = True
        except errors.MysqlError as error:
            self._answer, self.why_not = False, str(error)
        self._server.close()

    def is_acknowledged(self) -> bool | None:
        return self._answer


class RefusedClient:
    """Nobody let it in."""

    def __init__(self, why: str) -> None:
        self.why_not = why

    def send(self) -> None:
        pass

    def is_acknowledged(self) -> bool:
        return False


class RealServers:
    """Implements simulation.group_contract.Servers."""

    def __init__(self, group: Group) -> None:
        self._members: Sequence[Member] = group.members
        self._down: set[int] = set()
        self._paused: set[int] = set()
        self._cut: set[int] = set()

    def empty(self) -> None:
        """As a case begins: all run, in no group, without a transaction."""
        for number in [*self._paused]:
            self.resume(number)
        for number in [*self._cut]:
            self.reconnect(number)
        for number in [*self._down]:
            self.start(number)
        for member in self._members:
            member.go_on()
            member.leave()
            with member.server(catching_up.STOP_SECONDS) as server:
                catching_up.remove(server)
            with contextlib.suppress(errors.StatementFailed):  # never in a group
                member.drop_received()
            member.query(*_EMPTIED.split(";"))

    def now(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    # --- what happens to them
    def start(self, number: int) -> None:
        self._members[number].start()
        self._down.discard(number)

    def kill(self, number: int) -> None:
        self._members[number].kill()
        self._down.add(number)

    def stop(self, number: int) -> None:
        self._members[number].stop()
        self._down.add(number)

    def pause(self, number: int) -> None:
        self._members[number].pause()
        self._paused.add(number)

    def resume(self, number: int) -> None:
        self._members[number].resume()
        self._paused.discard(number)

    def cut(self, number: int) -> None:
        self._members[number].cut()
        self._cut.add(number)

    def reconnect(self, number: int) -> None:
        self._members[number].reconnect()
        self._cut.discard(number)

    # --- as the agent does it
    def form(self, number: int, group_name: str = NAME) -> None:
        self._members[number].form(group_name)

    def join(self, number: int, *through: int, group_name: str = NAME) -> None:
        self._members[number].join(*(self._members[one] for one in through), group_name=group_name)

    def accept_clients(self, number: int) -> None:
        with self._members[number].server() as server:
            group_replication.accept_clients(server)

    def leave(self, number: int) -> None:
        self._members[number].leave()

    def hand_over(self, of: int, to: int) -> None:
        uuid = self.observe(to).server_uuid
        with self._members[of].server() as server:
            group_replication.set_as_primary(server, uuid, transactions_seconds=10)

    def copy(self, number: int, donor: int) -> None:
        self._members[number].copy(self._members[donor])
        self._down.add(number)

    def observe(self, number: int) -> view.ServerView:
        return self._members[number].observe()

    def ask_to_remove(self, number: int, of: int, group_name: str = NAME) -> xcom.Answer:
        return self._members[number].remove(self._members[of], group_name)

    def counted(self, number: int) -> tuple[str, ...]:
        return self._members[number].counted()

    def respell(self, number: int) -> None:
        with self._members[number].server() as server:
            group_replication.respell_address(server)

    def start_as_it_is(self, number: int) -> None:
        with self._members[number].server(60) as server:
            server.query("START GROUP_REPLICATION")

    def catch_up(self, number: int, source: int) -> None:
        with self._members[number].server() as server:
            catching_up.begin(server, self._members[source].host, replace(REPLICATION, ca_file=_CA), _CA)

    def channel(self, number: int) -> catching_up.State | None:
        with self._members[number].server() as server:
            return catching_up.state(server)

    def stop_receiving(self, number: int) -> None:
        with self._members[number].server() as server:
            catching_up.stop_receiving(server)

    def apply_received(self, number: int) -> None:
        with self._members[number].server() as server:
            catching_up.start_applying(server)

    def remove_channel(self, number: int) -> None:
        with self._members[number].server(catching_up.STOP_SECONDS) as server:
            catching_up.remove(server)

    def remove_applied_channel(self, number: int) -> None:
        with self._members[number].server(catching_up.STOP_SECONDS) as server:
            catching_up.remove_applied(server)

    # --- as clients and others do it
    def set_bootstrap(self, number: int) -> None:
        self._members[number].query("SET GLOBAL group_replication_bootstrap_group = ON")

    def client(self, number: int) -> RealClient | RefusedClient:
        try:
            return RealClient(self._members[number].server(120))
        except errors.ConnectFailed as error:
            return RefusedClient(str(error))

    def write_alone(self, number: int) -> None:
        writable = ("SET GLOBAL super_read_only = OFF", "INSERT INTO shop.t VALUES ()")
        self._members[number].query(*writable, "SET GLOBAL super_read_only = ON")

    def hold_up(self, number: int) -> None:
        self._members[number].hold_up()

    def spoil(self, number: int) -> None:
        """Rows that no transaction wrote are where the next ones should be."""
        rows = ", ".join(f"({one})" for one in range(1, _SPOILT_ROWS))
        apart = "SET GLOBAL super_read_only = OFF", "SET sql_log_bin = 0", f"INSERT IGNORE INTO shop.t VALUES {rows}"
        self._members[number].query(*apart, "SET GLOBAL super_read_only = ON")

    def expel_late(self, number: int, seconds: int) -> None:
        self._members[number].query(f"SET GLOBAL group_replication_member_expel_timeout = {seconds}")
