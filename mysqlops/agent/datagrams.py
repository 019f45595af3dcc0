"""How agents hear each other with fast failure detection: one UDP socket for datagrams, and a few TCP connections that
wait for a greeting of mysqld. Nothing here blocks but `resolve`, and nothing raises for what a network does.

Whatever arrives may be anybody's: no more is read at once than a turn has time for, the rest the kernel drops.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import Any

from mysqlops.core import heartbeat, names

Address = tuple[Any, ...]
_MOST_READ = 64  # datagrams in one turn
_MOST_LOOKS = 3  # connections to one member: the kernel repeats a lost SYN only after a second
_BUFFER = 1 << 15  # bytes that wait to be read


class Wire:
    """One agent's."""

    def __init__(self, port: int = names.PORT_HEARTBEAT) -> None:
        self._family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        self._datagrams = socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with contextlib.ExitStack() as until_bound:
            until_bound.callback(self._datagrams.close)
            if self._family == socket.AF_INET6:
                self._datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._datagrams.bind(("", port))
            until_bound.pop_all()
        self.port = int(self._datagrams.getsockname()[1])
        self._looks: dict[int, list[socket.socket]] = {}

    def close(self) -> None:
        self._datagrams.close()
        for ordinal in [*self._looks]:
            self.stop_looking(ordinal)

    def resolve(self, host: str, port: int = names.PORT_HEARTBEAT) -> Address | None:
        """May take as long as a name server likes."""
        flags = socket.AI_V4MAPPED | socket.AI_ALL if self._family == socket.AF_INET6 else 0
        try:
            found = socket.getaddrinfo(host, port, self._family, socket.SOCK_DGRAM, flags=flags)
        except OSError:
            return None
        return found[0][4]

    def send(self, data: bytes, to: Address) -> None:
        with contextlib.suppress(OSError):
            self._datagrams.sendto(data, to)

    def receive(self) -> list[tuple[bytes, Address]]:
        found = []
        with contextlib.suppress(OSError):  # nothing more is there, or one was refused
            for _ in range(_MOST_READ):
                found.append(self._datagrams.recvfrom(heartbeat.LONGEST + 1))
        return found

    def look(self, ordinal: int, at: Address, port: int = names.PORT_MYSQL) -> None:
        """Begin another connection to that member's mysqld, unless there are enough that wait."""
        looks = self._looks.setdefault(ordinal, [])
        if len(looks) >= _MOST_LOOKS:
            return
        one = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        looks.append(one)
        with contextlib.suppress(OSError):
            one.connect((at[0], port, *at[2:]))

    def has_greeted(self, ordinal: int) -> bool:
        """Whether one of those connections has got anything; then all are closed."""
        for one in [*self._looks.get(ordinal, ())]:
            try:
                if one.recv(1):
                    self.stop_looking(ordinal)
                    return True
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.ENOTCONN):  # it waits, or still connects
                    continue
            self._looks[ordinal].remove(one)
            one.close()
        return False

    def stop_looking(self, ordinal: int) -> None:
        for one in self._looks.pop(ordinal, ()):
            one.close()
