"""How often something took how long, as Prometheus counts it. Pure.

https://prometheus.io/docs/concepts/metric_types/#histogram
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from mysqlops.core.metrics import Sample

# Seconds: a label moves within one, a switchover or an election takes one to ten.
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Histogram:
    """Durations seen so far, by the bounds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def count(self) -> int:
        return sum(self._counts)

    def samples(self, name: str) -> Iterator[Sample]:
        for bound, count in zip((*BOUNDS, math.inf), accumulate(self._counts), strict=True):
            yield Sample(f"{name}_bucket", count, {"le": "+Inf" if math.isinf(bound) else str(bound)})
        yield Sample(f"{name}_sum", self._sum)
        yield Sample(f"{name}_count", self.count())

    def dump(self) -> str:
        return " ".join(map(str, (*self._counts, f"{self._sum:.3f}")))


def load(text: str) -> Histogram:
    """What `dump` wrote; an empty one for anything else."""
    found = Histogram()
    try:
        *counts, total = text.split()
        numbers, seconds = list(map(int, counts)), float(total)
    except ValueError:
        return found
    if len(numbers) == len(BOUNDS) + 1 and min(numbers) >= 0 and math.isfinite(seconds):
        found._counts, found._sum = numbers, seconds
    return found
