"""The context of every operation: the cluster, the clock, the progress output, and the time limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mysqlops.clock import Clock

if TYPE_CHECKING:  # whoever only prints or completes does without the API
    from mysqlops.kube.client import Client
    from mysqlops.kube.guard import Guard


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

    @property
    def guard(self) -> Guard:
        """What ends the command before its next change, or in a wait."""
        return self.client.guard
