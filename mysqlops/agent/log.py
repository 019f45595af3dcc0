"""One line per event on stdout: the time in UTC and a sentence; the same sentence is not repeated.

Much of a sentence was written by others, such as a fence's reason: it ends neither the line nor, with half a character
that no output takes, the thread."""

from __future__ import annotations

from collections.abc import Callable

from mysqlops.clock import Clock
from mysqlops.core import typed


class Log:
    """Logs a message once per topic until it changes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, str] = {}

    def say(self, message: str) -> None:
        print(f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {typed.visible(message)}", flush=True)

    def survive(self, topic: str, step: Callable[[], None]) -> None:
        """Run the step; an error is logged, and the next one is tried: if the agent ended, its member would leave the
        group."""
        try:
            step()
        except Exception as error:
            self.unexpected(topic, error)
        else:
            self.say_if_new(topic, "")

    def unexpected(self, topic: str, error: Exception) -> None:
        """What a thread must survive, whatever it is."""
        self.say_if_new(topic, f"unexpected {type(error).__name__}: {error}")

    def say_if_new(self, topic: str, message: str) -> None:
        if self._last.get(topic) != message:
            self._last[topic] = message
            if message:
                self.say(message)
