"""The agent's port, open to anybody who can reach the pod: a small HTTP server that no number of connections can
exhaust. One thread, a few connections at a time, each for a moment; a client that opens many displaces its own.

A server with one thread per connection was OOM-killed by 1362 idle connections, which any pod could open.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Protocol

from mysqlops.agent import log
from mysqlops.clock import Clock


class Answer(Protocol):
    """From a path to the status and the text; `is_open` if the client reads OpenMetrics."""

    def __call__(self, path: str, *, is_open: bool) -> tuple[int, str]: ...


_MOST = 32  # connections at once
_SECONDS = 5.0  # from a connection to the end of its request
_LONGEST = 4096  # bytes of a request's head
_RESPONSE = 1 << 17  # bytes of a response's buffer, several times what /metrics has
_OPEN = b"application/openmetrics-text"
_BACKLOG = 128  # a SYN without room is repeated a second later, which is as long as a probe may take


def _listen(port: int) -> socket.socket:
    """At all addresses of both families: kubelet and Prometheus ask at the pod's address, which may be an IPv6 one."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    return socket.create_server(("", port), backlog=_BACKLOG)


@dataclass
class _Guest:
    """A connection whose request is incomplete."""

    connection: socket.socket
    address: str
    until: float
    head: bytes = b""


class Door:
    """Answers GET requests until close() is called; one connection, one request."""

    def __init__(self, answer: Answer, port: int, clock: Clock) -> None:
        self._answer, self._clock = answer, clock
        self._log = log.Log(clock)
        self._listener = _listen(port)
        self._listener.setblocking(False)
        self._waker, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._guests: dict[int, _Guest] = {}  # by file number, oldest first
        self.port = int(self._listener.getsockname()[1])
        self._task = clock.start("door", self._run)

    def close(self) -> None:
        self._waker.close()
        self._task.join(_SECONDS)

    def _run(self) -> None:
        while True:
            ready = [key.fileobj for key, _ in self._selector.select(1.0)]
            if self._woken in ready:
                break
            self._log.survive("door", partial(self._turn, ready))
        for number in list(self._guests):
            self._drop(number)
        for opened in (self._selector, self._listener, self._woken):
            opened.close()

    def _turn(self, ready: Collection[object]) -> None:
        # Requests that have arrived first: a new connection may displace an old one.
        for number in [number for number, guest in self._guests.items() if guest.connection in ready]:
            try:
                self._read(number)
            except Exception as error:  # ends this connection, not the port
                self._log.unexpected("connection", error)
                self._drop(number)
        if self._listener in ready:
            self._accept()
        now = self._clock.monotonic()
        for number in [number for number, guest in self._guests.items() if guest.until < now]:
            self._drop(number)

    def _accept(self) -> None:
        """Accept a limited number, so that requests are answered in between."""
        for _ in range(_MOST // 2):
            try:
                connection, address = self._listener.accept()
            except OSError:  # no connection is waiting, or it is gone
                return
            if len(self._guests) >= _MOST:
                self._make_room()
            connection.setblocking(False)
            self._guests[connection.fileno()] = _Guest(connection, address[0], self._clock.monotonic() + _SECONDS)
            self._selector.register(connection, selectors.EVENT_READ)

    def _make_room(self) -> None:
        """Drop the oldest connection of the busiest address: kubelet's probe does not come from the flooding
        address."""
        most = Counter(guest.address for guest in self._guests.values()).most_common(1)[0][0]
        self._drop(next(number for number, guest in self._guests.items() if guest.address == most))

    def _read(self, number: int) -> None:
        guest = self._guests[number]
        try:
            more = guest.connection.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        guest.head += more
        if b"\r\n\r\n" in guest.head:
            self._send(guest)
        elif more and len(guest.head) < _LONGEST:
            return
        self._drop(number)

    def _send(self, guest: _Guest) -> None:
        method, path, is_open = request_of(guest.head)
        status, text = self._answer_or_500(path, is_open=is_open) if method == "GET" else (405, "")
        with contextlib.suppress(OSError):  # a client may be gone
            # The whole response must fit: nobody sends the rest later.
            guest.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _RESPONSE)
            guest.connection.send(response(status, text, is_open=is_open))

    def _answer_or_500(self, path: str, *, is_open: bool) -> tuple[int, str]:
        try:
            status, text = self._answer(path, is_open=is_open)
            return HTTPStatus(status).value, text
        except Exception as error:
            self._log.unexpected("answer", error)
            return HTTPStatus.INTERNAL_SERVER_ERROR.value, "unexpected\n"

    def _drop(self, number: int) -> None:
        guest = self._guests.pop(number, None)
        if guest is None:
            return
        with contextlib.suppress(KeyError, ValueError):  # it was not registered, or is closed
            self._selector.unregister(guest.connection)
        guest.connection.close()


def request_of(head: bytes) -> tuple[str, str, bool]:
    """Method, path, and whether the client reads OpenMetrics."""
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    return method, rest.partition(" ")[0], _OPEN in head


def response(status: int, text: str, *, is_open: bool) -> bytes:
    """Head and body; what is no whole text becomes question marks."""
    form = f"{_OPEN.decode()}; version=1.0.0" if is_open else "text/plain; version=0.0.4"
    body = text.encode(errors="replace")
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {form}; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body
