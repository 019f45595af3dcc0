"""What has no seam and is replaced while a world runs: the agent's zipapp (its bytes do not matter), process numbers,
and the base manifests, which are parsed once and not in each world.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mysqlops.kube import manifests
from mysqlops.operations import bundle, lock

if TYPE_CHECKING:
    from tests.simulation.world import World

_BUNDLE = bundle.Bundle(b"the agent", "0.1.0-simulated")
_BASE = marshal.dumps(manifests.load_base())


@contextmanager
def stand_ins(world: World) -> Iterator[None]:
    """Each command is a process of its own; all run here."""

    def pid() -> int:
        return world.scheduler.running().process.pid

    replaced: list[tuple[Any, str, Any]] = [
        (bundle, "build", lambda: _BUNDLE),
        (manifests, "load_base", lambda: marshal.loads(_BASE)),  # noqa: S302 (our own bytes)
    ]
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
