"""The SQL seam of a world with passwords: statements on accounts, a named lock, and logins that may be refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mysqlops import errors
from mysqlops.mysql import accounts, own_accounts, password_hash
from tests.simulation.accounts import Accounts, given
from tests.simulation.group import ONLINE
from tests.simulation.mysqld import Mysqld
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.sql import Hook, Row, SimServer
from tests.unit.rotation_world import execute

_READ_ONLY = 1290
_ALL = (*accounts.ALWAYS, accounts.LOOPBACK)


class AccountServer(SimServer):
    """One open connection, whose end releases its named lock."""

    def __init__(self, server: Mysqld, scheduler: Scheduler, before: Hook, *, book: Accounts) -> None:
        super().__init__(server, scheduler, before, is_admin=True)
        self._book, self._is_logged = book, True

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        text = " ".join(sql.split())
        handler = next((handler for start, handler in _STARTS if text.startswith(start)), None)
        if handler is None:
            return super().query(sql, parameters)
        self._wait(text)
        rows = handler(self, text, parameters)
        self._idle_since = self._scheduler.now
        return rows

    def _wait(self, text: str) -> None:
        """Whoever was stopped before a statement left finds the session closed."""
        super()._wait(text)
        if self.has_idled():
            self._start = -1
            raise errors.ConnectFailed(f"{self.where}: {text[:40]} failed with MySQL error 4031: inactivity")

    def close(self) -> None:
        if self._model.named_lock is not None and self._model.named_lock[0] is self:
            self._model.named_lock = None

    def _run_secret(self, text: str, what: str) -> None:
        if text.startswith(("ALTER USER", "CREATE USER")):
            self.change(text, ())
            return
        if text.startswith("START GROUP_REPLICATION") and self._model.seat is None:
            self._model.login = given(text)
        if text.startswith("START REPLICA USER"):
            self._model.replica.login = given(text)
        if text.startswith("CLONE INSTANCE"):
            donor = self._model.around.server(text.partition("@'")[2].partition(".")[0])
            if donor is not None and not self._book.accepts(donor, accounts.REPLICATION, given(text)):
                raise errors.StatementFailed(f"{what} failed with MySQL error 3862: denied", errno=3862)
        super()._run_secret(text, what)

    def change(self, text: str, _: Sequence[Any]) -> list[Row]:
        """In the group, on the primary; or, without the binary log, on this server alone."""
        model = self._model
        if model.variables["super_read_only"]:
            raise errors.StatementFailed(f"a change of an account failed with MySQL error {_READ_ONLY}", errno=1290)
        known = self._book.on(model.volume)
        if not self._is_logged:
            execute(known or {}, text)
            return []
        content, seat = self._book.content_of(text), model.seat
        if seat is None or seat.state != ONLINE:
            own = model.volume.uuid
            model.volume.executed.add((own, model.volume.executed.highest(own) + 1), content)
            model.around.say(f"{model.pod} commits a change of an account outside any group")
            return []
        deadline = self._scheduler.now + self._read_timeout
        while model.around.replication.write(seat, content) is None:  # as any COMMIT without a majority
            self._scheduler.pause(0.3)
            self._check()
            if self._scheduler.now > deadline or model.seat is not seat:
                raise errors.ConnectFailed(f"{self.where}: MySQL error 2013: timed out")
        return []

    def log_or_not(self, text: str, _: Sequence[Any]) -> list[Row]:
        self._is_logged = text.endswith("ON")
        return []

    def account(self, _: str, parameters: Sequence[Any]) -> list[Row]:
        held = (self._book.on(self._model.volume) or {}).get(parameters[0])
        if not held:
            return []
        hashes = [*map(password_hash.native, held), None]
        return [("ANY", "N", "N", 0, hashes[0], hashes[1])]

    def plugin(self, _: str, __: Sequence[Any]) -> list[Row]:
        return [("caching_sha2_password",)]

    def doubled(self, _: str, __: Sequence[Any]) -> list[Row]:
        known = self._book.on(self._model.volume) or {}
        return [(one.user, one.host) for one in _ALL if len(known.get(one.user, ())) > 1]

    def grants(self, text: str, _: Sequence[Any]) -> list[Row]:
        found = [right for one in _ALL if str(one) in text for right in one.grants()]
        return [(right.replace("ALL ON *.*", own_accounts.ALL),) for right in found]

    def lock(self, _: str, __: Sequence[Any]) -> list[Row]:
        """Of a session; with its process it goes."""
        self._scheduler.pause(0.05)
        model, process = self._model, self._scheduler.running().process
        held = model.named_lock
        if held is not None and held[1].is_alive and held[2] == model.starts and not held[0].has_idled():
            return [(0,)]
        model.named_lock = self, process, model.starts
        return [(1,)]

    def has_idled(self) -> bool:
        """Then the server has closed this session."""
        return self._scheduler.now - self._idle_since > self._idle_seconds

    def one(self, _: str, __: Sequence[Any]) -> list[Row]:
        return [(1,)]

    def none(self, _: str, __: Sequence[Any]) -> list[Row]:
        return [(0,)]


NamedLock = tuple[AccountServer, Process, int]
_Handler = Callable[[AccountServer, str, Sequence[Any]], list[Row]]
_STARTS: list[tuple[str, _Handler]] = [
    ("SET sql_log_bin", AccountServer.log_or_not),
    ("SELECT ssl_type", AccountServer.account),
    ("SELECT user, host FROM mysql.user WHERE JSON_EXTRACT", AccountServer.doubled),
    ("SELECT 1 FROM mysql.user", AccountServer.one),
    ("SELECT plugin FROM mysql.user", AccountServer.plugin),
    ("SELECT COUNT(*) FROM mysql.user WHERE user IN", AccountServer.none),  # nothing expires here
    ("SELECT COUNT(*) FROM information_schema.tables", AccountServer.one),
    ("SELECT GET_LOCK", AccountServer.lock),
    ("SHOW GRANTS", AccountServer.grants),
    ("ALTER USER", AccountServer.change),
    ("CREATE USER", AccountServer.change),
    ("GRANT", AccountServer.change),
    ("DO 1", AccountServer.one),
]
