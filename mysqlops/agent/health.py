"""What the agent's port serves: /healthz for the liveness probe, /readyz for readiness, /metrics for Prometheus."""

from __future__ import annotations

from mysqlops.agent import events, metrics
from mysqlops.clock import Clock
from mysqlops.core import names, publication, view

_ALIVE_SECONDS = 60.0  # the loop turns four times a second; the longest call inside it has a deadline of 5 s


class Health:
    """What the probes see; written by the loop, read by the port's thread."""

    def __init__(
        self, clock: Clock, scraped: metrics.Metrics | None = None, posted: events.Events | None = None
    ) -> None:
        self._clock, self._scraped, self._posted = clock, scraped, posted
        self._turned = clock.monotonic()
        self._last: publication.Publication | None = None

    def turned(self, seen: publication.Publication) -> None:
        """The loop completed a turn and saw this."""
        self._turned, self._last = self._clock.monotonic(), seen
        if self._scraped is not None:
            self._scraped.turned(seen)
        if self._posted is not None:
            self._posted.turned(seen)

    def answer(self, path: str, *, is_open: bool = False) -> tuple[int, str]:
        """The HTTP status and the text for that path; metrics as OpenMetrics if `is_open`."""
        if path == "/healthz":
            return (200 if self.is_alive() else 500), ""
        if path == "/readyz":
            return (200, "ready\n") if self.is_ready() else (503, f"{self.why()}\n")
        if path == "/metrics" and self._scraped is not None:
            return 200, self._scraped.text(is_open=is_open)
        return 404, ""

    def is_alive(self) -> bool:
        return self._clock.monotonic() - self._turned < _ALIVE_SECONDS

    def is_ready(self) -> bool:
        return self._last is not None and self._last.state == view.ONLINE and self._last.role != names.ROLE_NONE

    def why(self) -> str:
        return self._last.waiting_for if self._last else "starting"
