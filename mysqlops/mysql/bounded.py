"""A connection to a server that may be anybody's, such as another member whose container somebody has entered: what it
answers to one command has a size, and a time in which it must have arrived.

PyMySQL's own timeout begins again with each byte, and a packet may be as long as the server says.
"""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CR

from mysqlops.clock import SystemClock

if TYPE_CHECKING:
    _Connection = pymysql.connections.Connection[Any]
else:
    _Connection = pymysql.connections.Connection

LONGEST = 4 << 20  # bytes; a GTID set of thousands of intervals has a tenth of it


class Connection(_Connection):
    """Raises OperationalError, as for a lost connection."""

    _sock: socket.socket | None
    _rfile: io.BufferedReader
    _read_timeout: float
    _current_timeout: float | None
    _left, _until = LONGEST, 0.0

    def connect(self, sock: Any = None) -> None:
        self._begin()
        super().connect(sock)

    def _execute_command(self, command: Any, sql: Any) -> None:
        self._begin()
        super()._execute_command(command, sql)  # type: ignore[misc]

    def _begin(self) -> None:
        """The time begins with the first look for an answer: until then nobody has been asked."""
        self._left, self._until = LONGEST, 0.0

    def _read_bytes(self, num_bytes: int) -> bytes:
        now = SystemClock().monotonic()
        self._until = self._until or now + self._read_timeout
        self._left -= num_bytes
        data = bytearray()
        while len(data) < num_bytes:
            if self._left < 0:
                raise self._lost(f"its answer has more than {LONGEST} bytes")
            data += self._some(num_bytes - len(data))
        return bytes(data)

    def _some(self, most: int) -> bytes:
        left = self._until - SystemClock().monotonic()
        if left <= 0 or self._sock is None:
            raise self._lost("its answer did not end in time")
        self._sock.settimeout(left)
        self._current_timeout = None  # PyMySQL sets its own before it writes
        try:
            found = self._rfile.read1(most)
        except OSError as error:
            raise self._lost(str(error)) from error
        if not found:
            raise self._lost("it has ended")
        return found

    def _lost(self, why: str) -> pymysql.OperationalError:
        self._force_close()  # type: ignore[attr-defined]
        return pymysql.OperationalError(CR.CR_SERVER_LOST, f"Lost connection to MySQL server during query ({why})")
