"""The one loop in which tests on real servers and clusters wait: never without a limit; it says what it saw last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    look: Callable[[], T | None],
    what: str,
    seconds: float = 60,
    *,
    pause: float = 0.3,
    away: tuple[type[Exception], ...] = (),
) -> T:
    """The first look that is true. A look may fail with one of `away` while a server is not there."""
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        seen: object
        try:
            if found := look():
                return found
            seen = found
        except away as error:
            seen = error
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; last seen: {seen}"
        # A look that starts a command takes a core for a second: never more than half of the time.
        time.sleep(max(pause, min(2.0, time.monotonic() - began)))
