"""The agent's port, asked as kubelet and Prometheus ask it, beside those that only want to fill it."""

from __future__ import annotations

import contextlib
import http.client
import resource
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from mysqlops.agent import door, health
from mysqlops.clock import SystemClock
from mysqlops.core import gtid, names, publication, view
from mysqlops.planning import traffic

_ATTACKER, _PROBE = "127.0.0.2", "127.0.0.1"
_IDLE = 2000
_UUID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def probes() -> health.Health:
    return health.Health(SystemClock())


@pytest.fixture
def port(probes: health.Health) -> Iterator[int]:
    opened = door.Door(probes.answer, 0, SystemClock())
    yield opened.port
    opened.close()


def _get(port: int, path: str) -> tuple[int, str]:
    with contextlib.closing(socket.create_connection((_PROBE, port), timeout=1)) as asked:
        asked.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = b""
        while more := asked.recv(4096):
            answer += more
    head, _, body = answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def test_the_port_tells_what_the_loop_saw(probes: health.Health, port: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        assert (answer.status, answer.read()) == (200, b"")
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz")
    assert refused.value.read() == b"starting\n"
    assert _get(port, "/etc/passwd")[0] == 404
    seen = publication.Publication("uid", "", 1, "1", state=view.ONLINE, role=names.ROLE_PRIMARY, behind=7, online=3)
    probes.turned(seen, None, 0.0)
    assert _get(port, "/readyz") == (200, "ready\n")
    assert _get(port, "/metrics")[0] == 404  # an agent without metrics


@pytest.mark.parametrize("host", ["127.0.0.1", *(["::1"] if socket.has_dualstack_ipv6() else [])])
def test_it_answers_in_both_families(port: int, host: str) -> None:
    """A pod of an IPv6-only cluster has no other address at which kubelet could ask."""
    with contextlib.closing(socket.create_connection((host, port), timeout=5)) as asked:
        asked.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.recv(4096).startswith(b"HTTP/1.1 ")


def test_a_response_is_sent_whole_to_a_reader_that_takes_its_time() -> None:
    whole = "x" * 60_000
    opened = door.Door(lambda path, *, is_open: (200, whole), 0, SystemClock())
    try:
        with contextlib.closing(socket.socket()) as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            slow.settimeout(5)
            slow.connect((_PROBE, opened.port))
            slow.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            assert _get(opened.port, "/x")[0] == 200  # the port has answered by now
            answer = b""
            while more := slow.recv(4096):
                answer += more
        assert answer.endswith(whole.encode())
    finally:
        opened.close()


def test_who_reads_openmetrics_gets_it() -> None:
    opened = door.Door(lambda path, *, is_open: (200, "open" if is_open else "plain"), 0, SystemClock())
    try:
        for accept, told in (("application/openmetrics-text;version=1.0.0", "open"), ("text/plain", "plain")):
            asked = http.client.HTTPConnection("127.0.0.1", opened.port, timeout=5)
            asked.request("GET", "/metrics", headers={"Accept": accept})
            answer = asked.getresponse()
            assert answer.read().decode() == told
            assert answer.headers["Content-Type"].startswith(accept.partition(";")[0])
            asked.close()
    finally:
        opened.close()


def test_an_error_behind_the_port_is_one_response_and_not_the_end_of_the_port(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def answer(path: str, *, is_open: bool) -> tuple[int, str]:
        if path == "/half":
            return 503, "fenced: \ud800"
        return {"/odd": (1, "")}.get(path) or (200, {"/fine": "well\n"}[path])

    opened = door.Door(answer, 0, SystemClock())
    try:
        for path in ("/raises", "/raises", "/odd"):
            assert _get(opened.port, path) == (500, "unexpected\n")
        assert _get(opened.port, "/half") == (503, "fenced: ?")
        assert _get(opened.port, "/fine") == (200, "well\n")
    finally:
        opened.close()
    logged = capsys.readouterr().out.splitlines()
    assert ["unexpected KeyError" in one for one in logged] == [True, False], "the same line is not repeated"


def test_an_error_of_a_connection_ends_that_connection(capsys: pytest.CaptureFixture[str]) -> None:
    opened = door.Door(lambda path, *, is_open: (200, ""), 0, SystemClock())
    real, raised = opened._read, list[int]()

    def read(number: int) -> None:
        if not raised:
            raised.append(number)
            raise KeyError(number)
        real(number)

    opened._read = read  # type: ignore[method-assign]
    try:
        with _open(opened.port) as first:
            first.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert first.recv(1) == b""
        assert _get(opened.port, "/")[0] == 200
    finally:
        opened.close()
    assert "unexpected KeyError" in capsys.readouterr().out


def _server(executed: str = "1-9", **fields: Any) -> view.ServerView:
    own = view.GroupMember("u", "mysql-0.mysql.x.svc", view.ONLINE, names.ROLE_PRIMARY)
    sets = {"executed": gtid.GtidSet.parse(f"{_UUID}:{executed}"), "received": gtid.GtidSet.parse(f"{_UUID}:1-9")}
    return view.ServerView(
        "u", "9.7.0", **{**sets, "writable": True, "state": view.ONLINE, "members": (own,), **fields}
    )


def _seen(role: str, **fields: Any) -> publication.Publication:
    return publication.Publication("uid", "", 1, "1", state=view.ONLINE, role=role, **fields)


class _Frozen(SystemClock):
    now_ = 100.0

    def monotonic(self) -> float:
        return self.now_


def test_a_balancer_hears_who_may_be_written_and_who_may_be_read() -> None:
    probes = health.Health(_Frozen())
    assert probes.answer("/primary") == (503, "starting\n")
    probes.turned(_seen(names.ROLE_PRIMARY), _server(), 100.0)
    assert probes.answer("/primary") == (200, "primary\n")
    assert probes.answer("/replica") == (503, "ONLINE, the primary\n")
    probes.turned(_seen(names.ROLE_REPLICA), _server(writable=False, read_only=True), 100.0)
    assert probes.answer("/primary") == (503, "ONLINE, a replica\n")
    assert probes.answer("/replica") == (200, "replica\n")


@pytest.mark.parametrize("fields", [{"writable": False}, {"read_only": True}, {"offline_mode": True}])
def test_a_primary_that_takes_no_write_is_not_announced(fields: dict[str, Any]) -> None:
    probes = health.Health(_Frozen())
    probes.turned(_seen(names.ROLE_PRIMARY), _server(**fields), 100.0)
    assert probes.answer("/primary")[0] == 503


def test_a_member_that_serves_nobody_says_why_to_a_balancer() -> None:
    probes = health.Health(_Frozen())
    probes.turned(_seen(names.ROLE_NONE, waiting_for="fenced: slow disk"), _server(), 100.0)
    assert probes.answer("/primary") == probes.answer("/replica") == (503, "fenced: slow disk\n")
    probes.turned(publication.Publication("uid", "", 1, "1", state=view.DOWN), None, 100.0)
    assert probes.answer("/primary") == (503, "DOWN, not serving\n")


def test_the_word_of_an_agent_that_stands_still_expires() -> None:
    clock = _Frozen()
    probes = health.Health(clock)
    probes.turned(_seen(names.ROLE_PRIMARY), _server(), 100.0)
    clock.now_ += traffic.FRESH_SECONDS
    assert probes.answer("/primary")[0] == 200
    clock.now_ += 0.1
    assert probes.answer("/primary") == (503, "unknown: the agent's last look is 3 s old\n")
    # A turn that began before the freeze ends after it: what it saw is as old.
    probes.turned(_seen(names.ROLE_PRIMARY), _server(), 100.0)
    assert probes.answer("/primary")[0] == 503
    assert probes.is_alive()


def test_lag_is_the_age_of_what_is_received_and_not_applied() -> None:
    clock = _Frozen()
    probes = health.Health(clock)
    for second in range(10):  # it received 9 at the start, and applies one each second
        clock.now_ = 100.0 + second
        probes.turned(_seen(names.ROLE_REPLICA), _server(f"1-{max(second, 1)}"), clock.now_)
        lag = second if second < 9 else 0
        for most in (lag - 0.1, lag):
            wanted = 503 if most < lag and lag else 200
            assert most < 0 or probes.answer(f"/replica?lag={most}")[0] == wanted, (second, most)
    assert probes.answer("/replica?lag=0") == (200, "replica\n")
    for asked in ("/replica?lag=", "/replica?lag=x", "/replica?lag=-1", "/replica?x=1", "/primary?lag=1"):
        assert probes.answer(asked)[0] == 400, asked


def test_a_long_lag_is_remembered_in_little_room() -> None:
    backlog, received = traffic.Backlog(), gtid.GtidSet()
    for turn in range(2_000):
        received = gtid.GtidSet.parse(f"{_UUID}:1-{turn + 1}")
        server = _server(str(1), received=received)
        backlog = traffic.remember(backlog, server, float(turn))
        assert len(backlog.looks) <= 65
    assert backlog.seconds(2_000.0) == 1_999.0  # since the second transaction was received


def test_who_hangs_up_before_the_answer_leaves_no_traceback(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", port)) as hurried:
            hurried.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            hurried.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert _get(port, "/healthz")[0] == 200
    assert "Traceback" not in "".join(capfd.readouterr())


def _open(port: int, source: str = _ATTACKER) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0))


def test_idle_connections_take_no_memory_and_no_probe_waits_for_them(port: int) -> None:
    """An agent of 96Mi was killed by 1362 of them."""
    before, threads = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, threading.active_count()
    slowest, tried = 0.0, []
    for number in range(_IDLE):
        idle = _open(port)
        with contextlib.suppress(OSError):  # the agent may have closed it already
            idle.sendall(b"GET /healthz HTTP/1.1\r\n")
        tried.append(idle)
        if number % 100 == 99:
            began = time.monotonic()
            assert _get(port, "/healthz")[0] == 200
            slowest = max(slowest, time.monotonic() - began)
            for old in tried[:-50]:
                old.close()
            del tried[:-50]
    assert slowest < 1.0
    assert threading.active_count() == threads
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096  # KiB
    for old in tried:
        old.close()


def test_who_opens_many_loses_the_own_oldest_and_nobody_elses(port: int) -> None:
    with _open(port, _PROBE) as early, contextlib.ExitStack() as stack:
        early.sendall(b"GET /readyz HTTP/1.1\r\n")
        many = [stack.enter_context(_open(port)) for _ in range(200)]
        assert many[0].recv(1) == b""  # closed
        early.sendall(b"\r\n")
        assert early.recv(4096).startswith(b"HTTP/1.1 503")
        many[-1].sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert many[-1].recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("request_", [b"POST /healthz HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"\xff\x00\r\n\r\n"])
def test_anything_but_get_is_refused(port: int, request_: bytes) -> None:
    with _open(port) as asked:
        asked.sendall(request_)
        assert asked.recv(4096).startswith(b"HTTP/1.1 405")


def test_a_request_without_an_end_is_cut_off(port: int) -> None:
    with _open(port) as asked:
        asked.sendall(b"GET /" + b"x" * 4096)
        with contextlib.suppress(ConnectionResetError):
            assert asked.recv(1) == b""


class _Soon(SystemClock):
    """Five seconds are over at each look."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 3.0
        return self._now


def test_who_only_trickles_is_dropped_after_some_seconds(probes: health.Health) -> None:
    opened = door.Door(probes.answer, 0, _Soon())
    try:
        with _open(opened.port) as slow:
            with contextlib.suppress(OSError):
                for byte in b"GET /":
                    slow.sendall(bytes([byte]))
            with contextlib.suppress(ConnectionResetError):
                assert slow.recv(1) == b""
    finally:
        opened.close()
