"""What every operation is given: the cluster, the clock, a voice, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mysqlops.clock import Clock
from mysqlops.kube.client import Client


@dataclass(frozen=True)
class Progress:
    """How an operation tells what happens: a line for good, the one thing it waits for now, a warning."""

    say: Callable[[str], None]
    waiting: Callable[[str], None]
    warn: Callable[[str], None]


@dataclass(frozen=True)
class Session:
    """One command's run."""

    client: Client
    clock: Clock
    progress: Progress
    timeout_seconds: float
