"""Waiting for a database: DNS, then the port's greeting, then a server that accepts writes.

Used by the members' own init container, by `mysqlops wait`, and by applications' init containers.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.clock import Clock
from mysqlops.mysql import connect

_PROTOCOL_10 = 10  # first byte of a MySQL greeting's payload
_ERROR_PACKET = 0xFF


@dataclass(frozen=True)
class Target:
    """A host and port, as in `mysql-primary:3306`."""

    host: str
    port: int = 3306

    @classmethod
    def parse(cls, text: str) -> Target:
        host, colon, port = text.rpartition(":")
        if not colon:
            host, port = text, "3306"
        if not host or not (port.isascii() and port.isdigit() and len(port) < 6) or not 0 < int(port) < 65536:
            raise errors.ConfigError(f"HOST {text!r}: expected HOST or HOST:PORT, such as mysql-primary:3306")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def why_not_ready(target: Target, login: connect.Login | None, *, timeout_seconds: float = 2) -> str | None:
    """Why the database is not ready yet, or None if it is. With a login, it must also accept writes."""
    try:
        socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return f"the name {target.host} does not resolve ({error.strerror or error})"
    refusal = _why_no_greeting(target, timeout_seconds)
    if refusal or login is None:
        return refusal
    return _why_not_writable(target, login, timeout_seconds)


def is_there(target: Target, *, timeout_seconds: float = 2) -> bool:
    """False only if nothing listens or answers: a server that has no free connections is still present."""
    try:
        socket.create_connection((target.host, target.port), timeout_seconds).close()
    except OSError:
        return False
    return True


def _why_no_greeting(target: Target, timeout_seconds: float) -> str | None:
    """Why there is no MySQL greeting; an open port is not enough: kube-proxy or another server may hold it."""
    try:
        with socket.create_connection((target.host, target.port), timeout_seconds) as stream:
            packet = stream.recv(64)
    except OSError as error:
        return f"port {target.port} of {target.host} does not answer ({error.strerror or error})"
    if len(packet) > 4 and packet[4] == _ERROR_PACKET:
        return f"{target} refuses connections: {packet[7:].decode(errors='replace')}"
    if len(packet) < 5 or packet[4] != _PROTOCOL_10:
        return f"{target} answers, but not as a MySQL server"
    return None


def _why_not_writable(target: Target, login: connect.Login, timeout_seconds: float) -> str | None:
    try:
        with connect.connect_tcp(
            target.host, login, port=target.port, timeout_seconds=max(2.0, timeout_seconds), is_bounded=True
        ) as server:
            return f"{target} is read-only" if server.scalar("SELECT @@global.super_read_only") else None
    except errors.AccessDenied:
        raise
    except errors.MysqlError as error:
        return str(error)


def wait_for(
    targets: list[Target],
    login: connect.Login | None,
    *,
    clock: Clock,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> Target:
    """Wait until one of the targets is ready and return it; raises WaitTimeout with the last reason of each, and
    ConfigError if the login does not say how to verify the server."""
    if login is not None:
        connect.check_trust(login)
    deadline = clock.monotonic() + timeout_seconds
    reasons: dict[str, str] = {}
    while True:
        for target in targets:
            why = why_not_ready(target, login)
            if why is None:
                return target
            if reasons.get(str(target)) != why:
                reasons[str(target)] = why
                tell(f"waiting: {why}")
        if clock.monotonic() >= deadline:
            raise errors.WaitTimeout(f"no database after {timeout_seconds:g} s: " + "; ".join(reasons.values()))
        clock.sleep(0.5)
