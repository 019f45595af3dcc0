"""The context of every operation: the cluster, the clock, the progress output, and the time limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mysqlops.clock import Clock
from mysqlops.kube.client import Client


@dataclass(frozen=True)
class Progress:
    """How an operation reports progress: a permanent line, its current wait, a warning."""

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
    heeds: list[Callable[[], None]] = field(default_factory=list)  # what ends a wait early: each raises why
