"""One line per event on stdout: the time in UTC and a sentence; the same sentence is not repeated."""

from __future__ import annotations

from mysqlops.clock import Clock


class Log:
    """Logs a message once per topic until it changes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, str] = {}

    def say(self, message: str) -> None:
        print(f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {message}", flush=True)

    def say_if_new(self, topic: str, message: str) -> None:
        if self._last.get(topic) != message:
            self._last[topic] = message
            if message:
                self.say(message)
