"""The wait for a database, as applications' init containers run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mysqlops.clock import Clock
from mysqlops.mysql import connect, wait


def for_database(
    hosts: Sequence[str],
    login: connect.Login | None,
    *,
    clock: Clock,
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> wait.Target:
    """The first host that is ready; raises ConfigError, AccessDenied or WaitTimeout."""
    targets = [wait.Target.parse(host) for host in hosts]
    return wait.wait_for(targets, login, clock=clock, timeout_seconds=timeout_seconds, tell=tell)
