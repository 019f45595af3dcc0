"""A group's own channel (communication stack MYSQL): a TLS connection of the replication account that speaks XCom's
protocol. Used for one request, to remove a dead member (docs/adr/0037). Reads no more than one reply, and ends by its
deadline however slowly the peer sends.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.clock import Clock
from mysqlops.mysql import connect, xcom


@dataclass(frozen=True)
class Peer:
    """A member to ask."""

    host: str
    login: connect.Login
    port: int = 3306


def ask_to_remove(peer: Peer, group_name: str, address: str, *, clock: Clock, seconds: float) -> xcom.Answer:
    """Ask a member to have `address` removed from its group; raises MysqlError, before anything is asked if it speaks
    another version of the protocol. The removal takes effect once a majority of the group has agreed."""
    until = clock.monotonic() + seconds
    server = connect.connect_tcp(peer.host, peer.login, port=peer.port, timeout_seconds=seconds)
    try:
        with server.switch(xcom.COMMAND) as stream:
            return Channel(stream, clock, until).ask(group_name, address)
    except OSError as error:
        raise errors.ConnectFailed(f"{peer.host}: the group's channel: {error}") from error
    finally:
        server.close()  # its socket is closed already: the peer would not understand MySQL's farewell


class Channel:
    """The switched connection, with one deadline for everything. Raises OSError."""

    def __init__(self, stream: socket.socket, clock: Clock, until: float) -> None:
        self._stream, self._clock, self._until = stream, clock, until

    def ask(self, group_name: str, address: str) -> xcom.Answer:
        self._send(xcom.version_request())
        if not xcom.is_agreed(self._read(xcom.HEADER_BYTES)):
            raise OSError("the peer speaks another version of the protocol, so it was not asked")
        self._send(xcom.removal(group_name, address))
        size = xcom.reply_bytes(self._read(xcom.HEADER_BYTES))
        answer = None if size is None else xcom.answer(self._read(size))
        if answer is None:
            raise OSError("the reply is not understood")
        return answer

    def _send(self, data: bytes) -> None:
        self._limit()
        self._stream.sendall(data)

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            self._limit()
            part = self._stream.recv(size - len(data))
            if not part:
                raise OSError("the peer closed it")
            data += part
        return data

    def _limit(self) -> None:
        left = self._until - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._stream.settimeout(left)
