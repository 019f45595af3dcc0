"""What the agent's port serves: /healthz for the liveness probe, /readyz for readiness, /metrics for Prometheus."""

from __future__ import annotations

from datetime import datetime

from mysqlops.clock import Clock
from mysqlops.core import names, publication, view

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


class Health:
    """What the probes see; written by the loop, read by the port's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turned = clock.monotonic()
        self._last: publication.Publication | None = None

    def turned(self, seen: publication.Publication) -> None:
        """The loop completed a turn and saw this."""
        self._turned, self._last = self._clock.monotonic(), seen

    def answer(self, path: str) -> tuple[int, str]:
        """The HTTP status and the text for that path."""
        if path == "/healthz":
            return (200 if self.is_alive() else 500), ""
        if path == "/readyz":
            return (200, "ready\n") if self.is_ready() else (503, f"{self.why()}\n")
        if path == "/metrics":
            return 200, self._metrics()
        return 404, ""

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
