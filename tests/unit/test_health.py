"""The agent's port, asked as kubelet asks it."""

from __future__ import annotations

import socket
import struct
import urllib.error
import urllib.request

import pytest

from mysqlops.agent import health
from mysqlops.clock import SystemClock


def test_who_hangs_up_before_the_answer_leaves_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    server = health.serve(health.Health(SystemClock()), 0)
    try:
        port = server.server_address[1]
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port)) as hurried:
                hurried.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                hurried.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz")
    finally:
        server.shutdown()
        server.server_close()
    assert "Traceback" not in "".join(capfd.readouterr())
