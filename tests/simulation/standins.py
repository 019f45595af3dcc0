"""What has no seam and is replaced while a world runs: the agent's zipapp (its bytes do not matter) and process numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mysqlops.operations import bundle, lock

if TYPE_CHECKING:
    from tests.simulation.world import World

_BUNDLE = bundle.Bundle(b"the agent", "0.1.0-simulated")


@contextmanager
def stand_ins(world: World) -> Iterator[None]:
    """Each command is a process of its own; all run here."""

    def pid() -> int:
        return world.scheduler.running().process.pid

    replaced: list[tuple[Any, str, Any]] = [(bundle, "build", lambda: _BUNDLE)]
    if hasattr(lock, "os"):
        replaced.append((lock, "os", SimpleNamespace(getpid=pid)))
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
