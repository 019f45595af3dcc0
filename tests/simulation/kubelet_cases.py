"""The contract of a kubelet: when it starts a container again, and what its pod's memory keeps until then."""

from __future__ import annotations

import itertools
from typing import Protocol

_LATE_SECONDS = 8.0  # a busy machine's


class Kubelet(Protocol):
    """Runs one pod."""

    def starts(self, count: int, seconds: float) -> list[float]:
        """When a container was started that ends each time after so many seconds."""

    def remembered(self) -> int:
        """How many of those starts have left something in the pod's memory."""


def _check(kubelet: Kubelet, seconds: float, *pauses: float) -> None:
    starts = kubelet.starts(len(pauses) + 1, seconds)
    waits = [later - earlier - seconds for earlier, later in itertools.pairwise(starts)]
    for wait, pause in zip(waits, pauses, strict=True):
        assert pause - 1.1 <= wait < pause + _LATE_SECONDS, waits
    assert kubelet.remembered() == len(starts)


def a_container_that_ends_starts_at_once_and_then_after_pauses_that_double(kubelet: Kubelet) -> None:
    _check(kubelet, 0, 0, 10, 20)


def pauses_double_however_long_it_ran(kubelet: Kubelet) -> None:
    _check(kubelet, 15, 0, 10)


CASES = [
    a_container_that_ends_starts_at_once_and_then_after_pauses_that_double,
    pauses_double_however_long_it_ran,
]
