"""Owns time and the order of everything: one heap of due events, one seed, actors that run until they ask for more.

An actor is a greenlet of a process. It runs on without interruption until it calls a seam (API server, SQL, clock),
which pauses it here; so every place where a real process could lose the processor, freeze or die is one of those calls.
"""

from __future__ import annotations

import heapq
import random
import traceback
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

Work = Callable[[], None]


def _never() -> int:
    return False


class Killed(BaseException):
    """Raised in every seam call of a killed process: its `finally` blocks run, and none of them has an effect."""


class Gap(BaseException):
    """The real code asked for something that no model knows: the simulator must learn it, and the run says so."""


class Actor:
    """One thread of a process."""

    def __init__(self, process: Process, name: str, work: Work) -> None:
        self.process, self.name, self._work = process, name, work
        self.token = 0  # a wake-up that was made for an earlier pause is stale
        self.is_over = False
        self.greenlet: Any = None

    def body(self) -> None:
        scheduler = self.process.scheduler
        try:
            self._work()
        except Killed:
            pass
        except Gap as gap:
            scheduler.report("gap", f"{self.process.name}: {gap}")
        except Exception as error:  # a crash of the real code is a finding of its own
            scheduler.report("crash", f"{self.process.name}/{self.name}: {error!r}", traceback.format_exc())
        self.is_over = True
        self.process.ended(self)


class Process:
    """A program that runs somewhere: killed it never runs again, stopped it waits for CONT."""

    def __init__(self, scheduler: Scheduler, name: str, main: Work, on_end: Work = lambda: None) -> None:
        self.scheduler, self.name, self.pid = scheduler, name, scheduler.next_pid()
        self.is_alive, self.is_stopped = True, False
        self.actors: list[Actor] = []
        self.nap: Callable[[float], float] = lambda seconds: seconds
        self._held: list[Actor] = []
        self._on_end = on_end
        self.main = self.start("main", main)

    def start(self, name: str, work: Work) -> Actor:
        actor = Actor(self, name, work)
        self.actors.append(actor)
        self.scheduler.wake(actor, self.scheduler.now)
        return actor

    def ended(self, actor: Actor) -> None:
        """With its first thread the whole program ends."""
        self.actors.remove(actor)
        if actor is self.main and self.is_alive:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, or the end of the program."""
        if not self.is_alive:
            return
        self.is_alive = False
        self.scheduler.at(self.scheduler.now, self._reap)

    def _reap(self) -> None:
        for actor in [*self.actors]:
            if actor.greenlet is not None and not actor.greenlet.dead:
                self.scheduler.current = actor
                actor.greenlet.throw(Killed())
                self.scheduler.current = None
        self.actors.clear()
        self._on_end()

    def stop(self) -> None:
        """SIGSTOP."""
        self.is_stopped = True

    def cont(self) -> None:
        """SIGCONT: what became due meanwhile runs now."""
        self.is_stopped = False
        for actor in self._held:
            self.scheduler.wake(actor, self.scheduler.now)
        self._held.clear()

    def hold(self, actor: Actor) -> None:
        self._held.append(actor)


class Scheduler:
    """The only source of time and of chance."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 (a seed is one world)
        self.now = 0.0
        self.current: Actor | None = None
        self.reports: list[tuple[str, str, str]] = []
        self.steps = 0
        self._heap: list[tuple[float, int, Actor | None, Any]] = []
        self._count = self._pids = 0
        self._until, self._is_over = 0.0, _never  # of the run that is under way
        self._hub = getcurrent()

    def next_pid(self) -> int:
        self._pids += 1
        return self._pids

    def report(self, kind: str, text: str, detail: str = "") -> None:
        self.reports.append((kind, text, detail))

    def at(self, when: float, work: Work) -> None:
        """Run something of the world itself, which nobody can kill."""
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, None, work))

    def after(self, seconds: float, work: Work) -> None:
        self.at(self.now + seconds, work)

    def wake(self, actor: Actor, when: float) -> None:
        """Let it go on then; whatever else was to wake it is forgotten."""
        actor.token += 1
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, actor, actor.token))

    def pause(self, seconds: float) -> None:
        """Called by an actor: let others run for so long. If nobody else is due by then, it simply goes on."""
        actor = self.running()
        when, heap = self.now + seconds, self._heap
        if (not heap or when < heap[0][0]) and self._goes_on(actor, when):
            actor.token += 1
            self._count += 1
            self.steps += 1
            self.now = max(self.now, when)
            return
        self.wake(actor, when)
        self._hub.switch()
        if not actor.process.is_alive:
            raise Killed

    def _goes_on(self, actor: Actor, when: float) -> bool:
        """Whether the scheduler's next step would be to resume this actor."""
        return when <= self._until and not actor.process.is_stopped and not self._is_over()

    def sleep_until_woken(self) -> None:
        """Called by an actor that has put itself where somebody will wake it."""
        actor = self.running()
        self._hub.switch()
        if not actor.process.is_alive:
            raise Killed

    def running(self) -> Actor:
        """The actor that runs; raises Killed if its process is dead."""
        actor = self.current
        assert actor is not None, "a seam was called outside any actor"
        if not actor.process.is_alive:
            raise Killed
        return actor

    def run(self, until: float, is_over: Callable[[], int] = _never) -> None:
        """Let everything happen that is due by then."""
        heap, self._until, self._is_over = self._heap, until, is_over
        while heap and heap[0][0] <= until and not is_over():
            when, _, actor, what = heapq.heappop(heap)
            self.now = max(self.now, when)
            if actor is None:
                what()
            elif actor.token == what and actor.process.is_alive and not actor.is_over:
                self._resume(actor)
        if not is_over():
            self.now = max(self.now, until)

    def _resume(self, actor: Actor) -> None:
        if actor.process.is_stopped:
            actor.process.hold(actor)
            return
        self.steps += 1
        if actor.greenlet is None:
            actor.greenlet = greenlet(actor.body, parent=self._hub)
        self.current = actor
        actor.greenlet.switch()
        self.current = None
