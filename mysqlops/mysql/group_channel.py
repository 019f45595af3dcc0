"""A group's own channel (communication stack MYSQL): a TLS connection of the replication account that speaks XCom's
protocol. Used to ask whom the group counts, and to remove a dead member (docs/adr/0037, 0062). Reads no more than the
replies, and ends by its deadline however slowly the peer sends.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mysqlops import errors
from mysqlops.clock import Clock
from mysqlops.core import group_address
from mysqlops.mysql import connect, xcom

T = TypeVar("T")


@dataclass(frozen=True)
class Peer:
    """A member to ask."""

    host: str
    login: connect.Login
    port: int = 3306


def ask_to_remove(peer: Peer, group_name: str, address: str, *, clock: Clock, seconds: float) -> xcom.Answer:
    """Ask a member to have `address`, in whatever capitals, removed from its group; raises MysqlError, before anything
    is asked if it speaks another version of the protocol. The removal takes effect once a majority has agreed. An
    earlier incarnation that the group still counts goes with it, in the same request: writes wait for it as well, and
    its vote is missing until it is out."""
    with _open(peer, clock, seconds) as channel:
        asked: list[str] = []
        while True:
            counted = [one for one in channel.addresses(group_name) if group_address.is_same(one, address)]
            if not counted or counted == asked:
                return xcom.Answer.FAIL
            asked = counted
            # It fails as a whole if one of them has gone since.
            if (answer := channel.remove(group_name, counted)) is not xcom.Answer.FAIL:
                return answer


def addresses(peer: Peer, group_name: str, *, clock: Clock, seconds: float) -> tuple[str, ...]:
    """Of all whom that member's latest configuration of the group counts, also of the dead; raises MysqlError."""
    with _open(peer, clock, seconds) as channel:
        return channel.addresses(group_name)


@contextlib.contextmanager
def _open(peer: Peer, clock: Clock, seconds: float) -> Iterator[Channel]:
    until = clock.monotonic() + seconds
    server = connect.connect_tcp(peer.host, peer.login, port=peer.port, timeout_seconds=seconds, is_bounded=True)
    try:
        with server.switch(xcom.COMMAND) as stream:
            channel = Channel(stream, clock, until)
            channel.agree()
            yield channel
    except OSError as error:
        raise errors.ConnectFailed(f"{peer.host}: the group's channel: {error}") from error
    finally:
        server.close()  # its socket is closed already: the peer would not understand MySQL's farewell


class Channel:
    """The switched connection, with one deadline for everything. Raises OSError."""

    def __init__(self, stream: socket.socket, clock: Clock, until: float) -> None:
        self._stream, self._clock, self._until = stream, clock, until

    def agree(self) -> None:
        self._send(xcom.version_request())
        if not xcom.is_agreed(self._read(xcom.HEADER_BYTES)):
            raise OSError("the peer speaks another version of the protocol, so it was not asked")

    def addresses(self, group_name: str) -> tuple[str, ...]:
        reply = self._ask(xcom.listing(group_name))
        if not xcom.is_of_group(reply, group_name):
            raise OSError("the peer is in another group, or its reply is not understood")
        return _understood(xcom.addresses(reply, group_name))

    def remove(self, group_name: str, addresses: Sequence[str]) -> xcom.Answer:
        return _understood(xcom.answer(self._ask(xcom.removal(group_name, addresses))))

    def _ask(self, request: bytes) -> bytes:
        self._send(request)
        return self._read(_understood(xcom.reply_bytes(self._read(xcom.HEADER_BYTES))))

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


def _understood(found: T | None) -> T:
    if found is None:
        raise OSError("the reply is not understood")
    return found
