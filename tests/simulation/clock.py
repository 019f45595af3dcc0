"""The Clock of one process: the scheduler's time, the skew of its node, and threads that are actors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.simulation.scheduler import Actor, Process, Scheduler

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_LONG = 1e9


class SimSignal:
    """What threading.Event is to a real process."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler, self._is_set = scheduler, False
        self._waiters: list[Actor] = []

    def set(self) -> None:
        self._is_set = True
        for actor in self._waiters:
            self._scheduler.wake(actor, self._scheduler.now)
        self._waiters.clear()

    def clear(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        actor = self._scheduler.running()
        if self._is_set:
            return True
        self._waiters.append(actor)
        self._scheduler.pause(_LONG if timeout is None else actor.process.nap(timeout))
        if actor in self._waiters:
            self._waiters.remove(actor)
        return self._is_set


class SimTask:
    """What threading.Thread is to a real process."""

    def __init__(self, scheduler: Scheduler, actor: Actor) -> None:
        self._scheduler, self._actor = scheduler, actor

    def is_alive(self) -> bool:
        return not self._actor.is_over

    def join(self, timeout: float | None = None) -> None:
        deadline = self._scheduler.now + (_LONG if timeout is None else timeout)
        while not self._actor.is_over and self._scheduler.now < deadline:
            self._scheduler.pause(min(0.1, max(0.001, deadline - self._scheduler.now)))


class SimClock:
    """One process's sight of time."""

    def __init__(self, scheduler: Scheduler, skew: Callable[[], float] = lambda: 0.0) -> None:
        self._scheduler, self._skew = scheduler, skew

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._scheduler.now + self._skew())

    def monotonic(self) -> float:
        return 1000.0 + self._scheduler.now

    def sleep(self, seconds: float) -> None:
        self._scheduler.pause(self._scheduler.running().process.nap(seconds))

    def signal(self) -> SimSignal:
        return SimSignal(self._scheduler)

    def start(self, name: str, work: Callable[[], None]) -> SimTask:
        process: Process = self._scheduler.running().process
        return SimTask(self._scheduler, process.start(name, work))
