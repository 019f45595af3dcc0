"""The agent's port: /healthz for the liveness probe, /readyz for readiness, /metrics for Prometheus."""

from __future__ import annotations

import sys
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from mysqlops.clock import Clock
from mysqlops.core import names, publication, view

_ALIVE_SECONDS = 60.0  # the loop turns every half second; the longest call inside it has a deadline of 5 s


class Health:
    """What the probes see; written by the loop, read by the HTTP threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turned = clock.monotonic()
        self._last: publication.Publication | None = None
        self._registry = CollectorRegistry()
        self._gauges = {
            name: Gauge(f"mysqlops_member_{name}", text, registry=self._registry)
            for name, text in (
                ("online", "1 if the member is ONLINE in its group and has a majority"),
                ("primary", "1 if the member is the primary"),
                ("behind", "Transactions received and not yet applied"),
                ("group_online", "Members that this one sees ONLINE"),
                ("volume_size_bytes", "Size of the volume"),
                ("volume_used_bytes", "Used bytes of the volume"),
                ("certificate_end_seconds", "When the certificate runs out, in seconds since 1970; 0 if unknown"),
                ("ca_end_seconds", "When the CA runs out, in seconds since 1970; 0 if unknown"),
            )
        }

    def turned(self, seen: publication.Publication) -> None:
        """The loop came round and saw this."""
        self._turned, self._last = self._clock.monotonic(), seen
        values = {
            "online": self.is_ready(),
            "primary": seen.role == names.ROLE_PRIMARY,
            "behind": seen.behind,
            "group_online": seen.online,
            "volume_size_bytes": seen.volume_size,
            "volume_used_bytes": seen.volume_used,
            "certificate_end_seconds": _seconds(seen.certificate_until),
            "ca_end_seconds": _seconds(seen.ca_until),
        }
        for name, value in values.items():
            self._gauges[name].set(value)

    def is_alive(self) -> bool:
        return self._clock.monotonic() - self._turned < _ALIVE_SECONDS

    def is_ready(self) -> bool:
        return self._last is not None and self._last.state == view.ONLINE and self._last.role != names.ROLE_NONE

    def metrics(self) -> bytes:
        return generate_latest(self._registry)

    def why(self) -> str:
        return self._last.waiting_for if self._last else "starting"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # of five, a sixth connection on a busy node waits a second, as long as a probe may take

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has hung up: no news, and no traceback in the log."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def serve(health: Health, port: int) -> ThreadingHTTPServer:
    """Serve in the background until shutdown() is called."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, health.metrics())
            elif self.path == "/healthz":
                self._answer(200 if health.is_alive() else 500, b"")
            elif self.path == "/readyz":
                ready = health.is_ready()
                self._answer(200 if ready else 503, b"ready\n" if ready else f"{health.why()}\n".encode())
            else:
                self._answer(404, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every two seconds; a line for each would hide everything else."""

    server = _Server(("", port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
