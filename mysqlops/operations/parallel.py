"""Independent reads at once: a status of a dozen objects takes one round trip's time, not a dozen's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def gather(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results in order; the first error is raised after all calls have ended."""
    with ThreadPoolExecutor(max(1, min(8, len(calls)))) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
