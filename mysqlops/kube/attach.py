"""Talk with a program in a container: its standard input, output and size, over a websocket of its own.

The protocol (v4) cannot close standard input: a program must learn from what it reads that there is no more. Each
message starts with its channel's number, as in exec.py; 0 is standard input, 4 the size of the terminal.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from mysqlops import errors
from mysqlops.core import kube_status
from mysqlops.kube import exec as kube_exec

if TYPE_CHECKING:
    import websocket

    from mysqlops.kube.connection import Connection

STDOUT, STDERR = 1, 2
_STDIN, _ENDED, _SIZE = 0, 3, 4
_PIECE = 16 << 10
_QUIET_SECONDS = 30.0  # then a ping keeps proxies from closing the connection, and finds out whether it still exists


class Attached:
    """One running program. One thread may read while others write."""

    def __init__(self, opened: websocket.WebSocket, where: str) -> None:
        self._opened, self._where = opened, where
        self.exit_code: int | None = None  # known once `read` has returned None

    def write(self, data: bytes) -> None:
        """Send bytes to its standard input."""
        for at in range(0, len(data), _PIECE):
            self._send(_STDIN, data[at : at + _PIECE])

    def resize(self, columns: int, rows: int) -> None:
        self._send(_SIZE, json.dumps({"Width": columns, "Height": rows}).encode())

    def _send(self, channel: int, data: bytes) -> None:
        with _reached(self._where):
            self._opened.send_binary(bytes([channel]) + data)

    def read(self) -> tuple[int, bytes] | None:
        """The next channel and bytes, None once the program has ended; raises PodExecFailed if the connection is lost,
        and then nobody knows whether it has."""
        from websocket import ABNF

        while self.exit_code is None:
            with _reached(self._where):
                opcode, message = self._next()
            if opcode == ABNF.OPCODE_CLOSE:
                raise errors.PodExecFailed(f"{self._where}: the connection was closed before the program ended")
            if opcode != ABNF.OPCODE_BINARY or len(message) < 2:
                continue
            if message[0] != _ENDED:
                return message[0], message[1:]
            self.exit_code = kube_exec.exit_code(self._where, message[1:].decode(errors="replace"))
        return None

    def _next(self) -> tuple[int, bytes]:
        from websocket import WebSocketTimeoutException

        self._opened.settimeout(_QUIET_SECONDS)
        try:
            return self._received()
        except WebSocketTimeoutException:
            self._opened.ping()
            return self._received()

    def _received(self) -> tuple[int, bytes]:
        opcode, message = self._opened.recv_data(control_frame=True)
        return opcode, bytes(message)


@contextlib.contextmanager
def attached(
    connection: Connection, pod: str, container: str, command: Sequence[str], *, tty: bool
) -> Iterator[Attached]:
    """Start a program in the pod at that path; raises PodExecFailed if it does not start, or is lost."""
    where = f"exec in {pod.rpartition('/')[2]}/{container}"
    # A terminal has one stream for both outputs.
    streams = [("stdin", "true"), ("stdout", "true"), ("tty", "true") if tty else ("stderr", "true")]
    query = urlencode([("container", container), *(("command", word) for word in command), *streams])
    with contextlib.ExitStack() as stack:
        with _reached(where):
            path = f"{pod}/exec?{query}"
            opened = stack.enter_context(connection.websocket(path, kube_exec.PROTOCOL, _QUIET_SECONDS))
        yield Attached(opened, where)


@contextlib.contextmanager
def _reached(where: str) -> Iterator[None]:
    """Around calls of the connection alone: a reader of ours that has gone is another broken pipe."""
    from websocket import WebSocketBadStatusException, WebSocketException

    try:
        yield
    except WebSocketBadStatusException as error:
        text = kube_status.reason(error.resp_body or b"")
        raise errors.PodExecFailed(f"{where}: {error.status_code} {text}".strip()[:400]) from error
    except (WebSocketException, OSError) as error:
        raise errors.PodExecFailed(f"{where}: the connection was lost: {error}"[:400]) from error


Running = contextlib.AbstractContextManager[Attached]
