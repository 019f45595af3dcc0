"""The only reader of the wall clock, the only sleeper and the only one that starts threads, so that tests own time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol


class Signal(Protocol):
    """What one thread sets and another waits for; threading.Event is one."""

    def set(self) -> None: ...
    def clear(self) -> None: ...
    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...


class Task(Protocol):
    """Work that runs beside its starter; threading.Thread is one."""

    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...


class Clock(Protocol):
    """What operations, agents and adapters may ask of time."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...
    def signal(self) -> Signal: ...
    def start(self, name: str, work: Callable[[], None]) -> Task: ...


@contextmanager
def beside(clock: Clock, name: str, work: Callable[[Signal], None], *, patience: float | None = None) -> Iterator[None]:
    """Let `work` run beside the block. It is signalled at the end, and waited for, `patience` seconds at most."""
    over = clock.signal()
    task = clock.start(name, lambda: work(over))
    try:
        yield
    finally:
        over.set()
        task.join(patience)


class SystemClock:
    """Real time, in UTC, and real threads, which end with the process."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def signal(self) -> Signal:
        return threading.Event()

    def start(self, name: str, work: Callable[[], None]) -> Task:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread
