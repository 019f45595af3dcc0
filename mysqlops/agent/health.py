"""What the agent's port serves: /healthz for the liveness probe, /readyz for readiness, /metrics for Prometheus, and
/primary and /replica for load balancers."""

from __future__ import annotations

import re
from datetime import datetime

from mysqlops.clock import Clock
from mysqlops.core import names, publication, view
from mysqlops.planning import traffic

_ALIVE_SECONDS = 60.0  # the loop turns four times a second; the longest call inside it has a deadline of 5 s
_GAUGES = {
    "online": "1 if the member is ONLINE in its group and has a majority",
    "primary": "1 if the member is the primary",
    "behind": "Transactions received and not yet applied",
    "group_online": "Members that this one sees ONLINE",
    "volume_size_bytes": "Size of the volume",
    "volume_used_bytes": "Used bytes of the volume",
    "certificate_end_seconds": "When the certificate expires, in seconds since 1970; 0 if unknown",
    "ca_end_seconds": "When the CA expires, in seconds since 1970; 0 if unknown",
}
_TRAFFIC = {"/primary": names.ROLE_PRIMARY, "/replica": names.ROLE_REPLICA}
_LAG = re.compile(r"lag=(\d{1,6}(?:\.\d{1,3})?)")


class Health:
    """What the probes see; written by the loop, read by the port's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turned = clock.monotonic()
        self._last: publication.Publication | None = None
        self._look: traffic.Look | None = None

    def turned(self, seen: publication.Publication, server: view.ServerView | None, at: float) -> None:
        """The loop completed a turn and saw this; `at` is when it began to look."""
        backlog = self._look.backlog if self._look else traffic.Backlog()
        self._look = traffic.Look(at, seen, server, traffic.remember(backlog, server, at))
        self._turned, self._last = self._clock.monotonic(), seen

    def answer(self, path: str) -> tuple[int, str]:
        """The HTTP status and the text for that path."""
        if path == "/healthz":
            return (200 if self.is_alive() else 500), ""
        if path == "/readyz":
            return (200, "ready\n") if self.is_ready() else (503, f"{self.why()}\n")
        if path == "/metrics":
            return 200, self._metrics()
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

    def _metrics(self) -> str:
        """https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format"""
        seen = self._last
        values = dict.fromkeys(_GAUGES, 0)
        if seen is not None:
            values = {
                "online": int(self.is_ready()),
                "primary": int(seen.role == names.ROLE_PRIMARY),
                "behind": seen.behind,
                "group_online": seen.online,
                "volume_size_bytes": seen.volume_size,
                "volume_used_bytes": seen.volume_used,
                "certificate_end_seconds": _seconds(seen.certificate_until),
                "ca_end_seconds": _seconds(seen.ca_until),
            }
        found = [(f"mysqlops_member_{name}", _GAUGES[name], value) for name, value in values.items()]
        return "".join(f"# HELP {name} {text}\n# TYPE {name} gauge\n{name} {value}\n" for name, text, value in found)


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp()) if moment else 0
