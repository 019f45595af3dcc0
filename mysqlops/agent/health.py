"""What the agent's port serves: /healthz for the liveness probe, /readyz for readiness, /metrics for Prometheus, and
/primary and /replica for load balancers."""

from __future__ import annotations

import re

from mysqlops.agent import events, metrics
from mysqlops.clock import Clock
from mysqlops.core import names, publication, view
from mysqlops.planning import traffic

_ALIVE_SECONDS = 60.0  # the loop turns four times a second; the longest call inside it has a deadline of 5 s
_TRAFFIC = {"/primary": names.ROLE_PRIMARY, "/replica": names.ROLE_REPLICA}
_LAG = re.compile(r"lag=(\d{1,6}(?:\.\d{1,3})?)")


class Health:
    """What the probes see; written by the loop, read by the port's thread."""

    def __init__(
        self, clock: Clock, scraped: metrics.Metrics | None = None, posted: events.Events | None = None
    ) -> None:
        self._clock, self._scraped, self._posted = clock, scraped, posted
        self._turned = clock.monotonic()
        self._last: publication.Publication | None = None
        self._look: traffic.Look | None = None

    def turned(self, seen: publication.Publication, server: view.ServerView | None, at: float) -> None:
        """The loop completed a turn and saw this; `at` is when it began to look."""
        backlog = self._look.backlog if self._look else traffic.Backlog()
        self._look = traffic.Look(at, seen, server, traffic.remember(backlog, server, at))
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
        place, _, query = path.partition("?")
        return self._traffic(_TRAFFIC[place], query) if place in _TRAFFIC else (404, "")

    def _traffic(self, role: str, query: str) -> tuple[int, str]:
        asked = _LAG.fullmatch(query) if role == names.ROLE_REPLICA else None
        if query and not asked:
            return 400, "only /replica takes a parameter: lag=SECONDS\n"
        why = traffic.why_not(self._look, role, self._clock.monotonic(), float(asked[1]) if asked else None)
        return (503, f"{why}\n") if why else (200, f"{role}\n")

    def is_alive(self) -> bool:
        return self._clock.monotonic() - self._turned < _ALIVE_SECONDS

    def is_ready(self) -> bool:
        return self._last is not None and self._last.state == view.ONLINE and self._last.role != names.ROLE_NONE

    def why(self) -> str:
        return self._last.waiting_for if self._last else "starting"
