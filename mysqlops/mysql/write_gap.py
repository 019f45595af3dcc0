"""Measure how long writes through a Service fail while the primary changes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.clock import Clock
from mysqlops.mysql import connect

_WRITE = """
INSERT INTO mysqlops.probe (id, token, written_at) VALUES (2, %s, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE token = VALUES(token), written_at = VALUES(written_at)
"""
_PAUSE_SECONDS = 0.01


@dataclass(frozen=True)
class Gap:
    """The longest time between two acknowledged writes, the counts, and the members that took the first and last."""

    seconds: float
    writes: int
    failures: int
    before: str
    after: str


def is_running(server: connect.Server, token: str) -> bool:
    """True once the meter with that token has written."""
    return server.query("SELECT 1 FROM mysqlops.probe WHERE id = 2 AND token = %s", [token]) != []


class Meter:
    """One client that keeps its connection and reconnects immediately after an error."""

    def __init__(self, service: str, login: connect.Login, token: str, clock: Clock) -> None:
        self._service, self._login, self._token, self._clock = service, login, token, clock
        self._server: connect.Server | None = None
        self._host = ""
        self._acknowledged: list[float] = []
        self._hosts: list[str] = []
        self._failures = 0

    def run(self, until: str, timeout_seconds: float) -> Gap:
        """Write until the member `until` (a pod's name) has acknowledged; raises WaitTimeout if it never does."""
        deadline = self._clock.monotonic() + timeout_seconds
        while not self._hosts or self._hosts[-1] != until:
            if self._clock.monotonic() >= deadline:
                raise errors.WaitTimeout(f"{until} acknowledged no write through {self._service}")
            self._write()
            self._clock.sleep(_PAUSE_SECONDS)
        return self._gap()

    def _write(self) -> None:
        try:
            if self._server is None:
                self._server = connect.connect_tcp(self._service, self._login, timeout_seconds=2, is_bounded=True)
                self._host = str(self._server.scalar("SELECT @@report_host")).partition(".")[0]
            self._server.query(_WRITE, [self._token])
        except errors.AccessDenied:
            raise
        except errors.MysqlError:
            self._failures += 1
            if self._server is not None:
                self._server.close()
                self._server = None
            return
        self._acknowledged.append(self._clock.monotonic())
        self._hosts.append(self._host)

    def _gap(self) -> Gap:
        pauses = [later - earlier for earlier, later in itertools.pairwise(self._acknowledged)]
        return Gap(max(pauses, default=0.0), len(self._hosts), self._failures, self._hosts[0], self._hosts[-1])
