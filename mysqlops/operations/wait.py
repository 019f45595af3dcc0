"""The wait for a database, as applications' init containers have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mysqlops.clock import Clock
from mysqlops.mysql import connect, wait


def for_database(
    hosts: Sequence[str],
    user: str | None,
    password_file: str,
    *,
    clock: Clock,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> wait.Target:
    """The first host that is ready; raises ConfigError, AccessDenied or WaitTimeout."""
    targets = [wait.Target.parse(host) for host in hosts]
    login = connect.read_login(user, password_file) if user else None
    return wait.wait_for(targets, login, clock=clock, timeout_seconds=timeout_seconds, tell=tell)
