"""`mysqlops wait` against a port of this machine, as an application's start script runs it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from mysqlops import errors
from mysqlops.cli.main import run

# A packet's length and number, then protocol 10 and a version.
_GREETING = b"\x0a\x00\x00\x00" + b"\x0a9.7.4\x00\x00\x00\x00"


@pytest.fixture
def port() -> Iterator[int]:
    """One that greets as MySQL does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            caller, _ = server.accept()
            with caller:
                caller.sendall(_GREETING)

        thread = threading.Thread(target=greet)
        thread.start()
        yield server.getsockname()[1]
        socket.create_connection(server.getsockname()).close()  # whom nobody called must end too
        thread.join()


def test_a_port_that_greets_is_ready(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["wait", f"127.0.0.1:{port}", "--timeout", "20s"]) == 0
    assert capsys.readouterr().out == f"127.0.0.1:{port} is ready\n"


def test_an_ssl_mode_is_one_of_those_listed(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["wait", f"127.0.0.1:{port}", "--ssl-mode", "hope"]) == errors.ConfigError.exit_code
    assert "verify-identity" in capsys.readouterr().err
