"""Prove that a cluster works: a write through the primary Service, read back from every member."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from mysqlops import errors
from mysqlops.clock import Clock
from mysqlops.mysql import connect

_WRITE = """
INSERT INTO mysqlops.probe (id, token, written_at) VALUES (1, %s, UTC_TIMESTAMP(6))
ON DUPLICATE KEY UPDATE token = VALUES(token), written_at = VALUES(written_at)
"""
# A member that stops, gives up its role or undoes a commit, or a row that somebody holds: the next try may succeed.
_PASSING = {1053, 1205, 1213, 1290, 1317, 1836, 3032, 3101}
_READ = "SELECT token FROM mysqlops.probe WHERE id = 1"


def write_and_read(
    service: str, members: Sequence[str], login: connect.Login, *, clock: Clock, timeout_seconds: float
) -> dict[str, float]:
    """Seconds until the write was acknowledged ("write") and seen on each member. Raises WriteRefused if a server's own
    answer was the last that came, WaitTimeout if none came: then nothing is known of other clients."""
    started = clock.monotonic()
    deadline = started + timeout_seconds
    token = secrets.token_hex(16)
    _write(service, login, token, clock, deadline)
    seen = {"write": clock.monotonic() - started}
    for member in members:
        _await_token(member, login, token, clock, deadline)
        seen[member] = clock.monotonic() - started
    return seen


def _write(service: str, login: connect.Login, token: str, clock: Clock, deadline: float) -> None:
    """The Service follows the primary's label within about a second; until then it has no endpoint."""
    while True:
        try:
            with connect.connect_tcp(service, login, is_bounded=True) as server:
                server.query(_WRITE, [token])
                return
        except errors.MysqlError as error:
            if _refuses(error) and (isinstance(error, errors.AccessDenied) or clock.monotonic() >= deadline):
                raise errors.WriteRefused(f"no write through {service}: {error}") from error
            if clock.monotonic() >= deadline:
                raise errors.WaitTimeout(f"no answer to a write through {service}: {error}") from error
        clock.sleep(0.1)


def _refuses(error: errors.MysqlError) -> bool:
    return connect.is_answer(error) and error.errno not in _PASSING


def _await_token(member: str, login: connect.Login, token: str, clock: Clock, deadline: float) -> None:
    with connect.connect_tcp(member, login, is_bounded=True) as server:
        while not (rows := server.query(_READ)) or rows[0][0] != token:
            if clock.monotonic() >= deadline:
                raise errors.WaitTimeout(f"{member} does not show the write that the primary acknowledged")
            clock.sleep(0.02)
