"""The API server's side of the client: who asks, as whom, by which file, and a program in a container."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mysqlops import errors
from mysqlops.kube import connection
from mysqlops.kube import exec as kube_exec
from mysqlops.kube.client import Caller, Client
from mysqlops.kube.kubeconfig import Identity
from mysqlops.version import __version__

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Server(ThreadingHTTPServer):
    """Answers every read; a websocket gets `frames` and is closed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.headers: list[list[tuple[str, str]]] = []
        self.frames: list[bytes] = []
        self.paths: list[str] = []
        self.hung_up: list[str] = []

    def kubeconfig(self, folder: Path, *, current: str = "lab", **user: Any) -> Path:
        """In JSON, which is YAML."""
        cluster = {"server": f"http://127.0.0.1:{self.server_port}"}
        where = {"cluster": "lab", "user": "me", "namespace": "shop"}
        found = {
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "me", "user": {"token": "t0ken", **user}}],
            "contexts": [{"name": "lab", "context": where}, {"name": "b", "context": {**where, "namespace": "b"}}],
        }
        file = folder / "kubeconfig"
        file.write_text(json.dumps(found | ({"current-context": current} if current else {})))
        return file


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.headers.append([(key.lower(), value) for key, value in self.headers.items()])
        self.server.paths.append(self.path)
        if "websocket" in self.headers.get("Upgrade", ""):
            self._exec()
            return
        status = 404 if "nobody" in self.path else 200
        answer = {"kind": "Status", "message": "no such thing"} if status == 404 else {"gitVersion": "v1.36.0"}
        self._answer(status, json.dumps(self._listed() or answer).encode())

    def _listed(self) -> dict[str, Any] | None:
        """An empty list as an API server 1.36 writes it: of metadata alone, null."""
        if "labelSelector" not in self.path:
            return None
        is_metadata = "as=PartialObjectMetadataList" in self.headers["Accept"]
        listed: dict[str, Any] = {"kind": "SecretList", "items": []}
        if is_metadata:
            listed = {"kind": "PartialObjectMetadataList", "items": None}
        return listed if "unreadable" not in self.path else {"kind": listed["kind"]}

    def _hang_up(self) -> None:
        """Without an answer, as a connection ends that was open while a laptop slept."""
        self.server.hung_up.append(self.command)
        self.close_connection = True

    do_DELETE = do_PUT = do_PATCH = do_POST = _hang_up

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _exec(self) -> None:
        if "elsewhere" in self.path:
            self.send_response(302)
            self.send_header("Location", f"ws://localhost:{self.server.server_port}/stolen")
            self.end_headers()
            self.close_connection = True
            return
        if "nobody" in self.path:
            self._answer(404, b'{"kind": "Status", "message": "pods \\"nobody\\" not found"}')
            return
        key = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + _MAGIC).digest()  # noqa: S324 (RFC 6455)
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(key).decode())
        self.end_headers()
        for frame in self.server.frames:
            self.wfile.write(bytes([0x82, len(frame)]) + frame)
        if "stdin=true" in self.path and any(frame[0] == 3 for frame in self.server.frames):
            with contextlib.suppress(ConnectionResetError):  # where it hangs up before this side has read all
                while self.rfile.read1():
                    pass
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def _client(file: Path | None, context: str | None = None, **given: Any) -> Client:
    return Client(kubeconfig=str(file) if file else None, context=context, namespace=None, **given)


def test_the_server_sees_who_asks_and_for_what(server: Server, tmp_path: Path) -> None:
    client = _client(server.kubeconfig(tmp_path), caller=Caller("backup create"))
    assert client.version() == "v1.36.0"
    sent = dict(server.headers[0])
    assert sent["user-agent"] == f"mysqlops/{__version__} (backup create)"
    assert sent["authorization"] == "Bearer t0ken"
    assert not [key for key in sent if key.startswith("impersonate")]


def test_an_empty_list_of_metadata_is_null_and_an_answer_without_a_list_is_none(server: Server, tmp_path: Path) -> None:
    """`doctor` ended with `the response is not a list` where a namespace has no backup target."""
    client = _client(server.kubeconfig(tmp_path))
    assert client.list_metadata("Secret", "app=mysql") == []
    assert client.list("Secret", "app=mysql") == []
    for ask in (client.list_metadata, client.list):
        with pytest.raises(errors.KubeError, match="not a list"):
            ask("Secret", "app=unreadable")


def test_a_kubeconfigs_impersonation_is_sent_with_requests_and_with_programs(server: Server, tmp_path: Path) -> None:
    user: dict[str, Any] = {
        "as": "bob",
        "as-groups": ["devs", "ops"],
        "as-uid": "7",
        "as-user-extra": {"example.org/why": ["night"]},
    }
    client = _client(server.kubeconfig(tmp_path, **user))
    server.frames = [b'\x03{"status": "Success"}']
    client.version()
    client.run_in("mysql-0", "agent", ["true"], timeout_seconds=5)
    wanted = {
        ("impersonate-user", "bob"),
        ("impersonate-group", "devs"),
        ("impersonate-group", "ops"),
        ("impersonate-uid", "7"),
        ("impersonate-extra-example.org%2Fwhy".lower(), "night"),
        ("authorization", "Bearer t0ken"),
    }
    for sent in server.headers:
        assert wanted <= set(sent)


def test_the_option_goes_before_the_kubeconfig(server: Server, tmp_path: Path) -> None:
    user: dict[str, Any] = {"as": "bob", "as-groups": ["devs"]}
    file = server.kubeconfig(tmp_path, **user)
    _client(file, caller=Caller(acting_as=Identity("eve", ("qa",)))).version()
    assert [one for one in server.headers[0] if one[0].startswith("impersonate")] == [
        ("impersonate-user", "eve"),
        ("impersonate-group", "qa"),
    ]


def test_a_context_needs_no_current_one(server: Server, tmp_path: Path) -> None:
    file = server.kubeconfig(tmp_path, current="")
    client = _client(file, "b")
    assert (client.context, client.namespace) == ("b", "b")
    with pytest.raises(errors.ConfigError, match="has no current context; it has: b, lab"):
        _client(file)
    with pytest.raises(errors.ConfigError, match="--context nope: the kubeconfig has no such context; it has: b, lab"):
        _client(file, "nope")


def test_files_are_merged_and_one_may_be_missing(server: Server, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.write_text('{"contexts": [{"name": "lab", "context": {"namespace": "other"}}], "current-context": "b"}')
    client = Client(
        kubeconfig=f"{tmp_path / 'missing'}:{server.kubeconfig(tmp_path)}:{second}", context=None, namespace=None
    )
    assert (client.context, client.namespace) == ("lab", "shop")


def test_an_empty_variable_is_no_file(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    server.kubeconfig(tmp_path).rename(tmp_path / ".kube" / "config")
    assert _client(None).context == "lab"


@pytest.mark.parametrize("text", ["{", "- 1", "\x00"])
def test_a_file_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    with pytest.raises(errors.ConfigError, match="kubeconfig"):
        _client(tmp_path / "kubeconfig")


def test_no_cluster_at_all(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"^kubeconfig .*/missing does not exist$"):
        _client(tmp_path / "missing")
    (tmp_path / "empty").write_text("")
    with pytest.raises(errors.ConfigError, match=r"^kubeconfig .*/empty has no contexts$"):
        _client(tmp_path / "empty")


def test_a_change_without_an_answer_is_not_sent_again(server: Server, tmp_path: Path) -> None:
    client = _client(server.kubeconfig(tmp_path))
    thing = {"metadata": {"name": "mysql"}}
    with pytest.raises(errors.Unreachable):
        client.delete("StatefulSet", "mysql")
    with pytest.raises(errors.Unreachable):
        client.patch("StatefulSet", "mysql", {})
    with pytest.raises(errors.Unreachable):
        client.create("StatefulSet", thing)
    assert server.hung_up == ["DELETE", "PATCH", "POST"]


def test_a_program_runs_to_its_end(server: Server, tmp_path: Path) -> None:
    client = _client(server.kubeconfig(tmp_path))
    failed = {"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}
    server.frames = [b"\x01he", b"\x01llo", b"\x02why", b"\x03" + json.dumps(failed).encode()]
    done = client.run_in("mysql-0", "agent", ["sh", "-c", "a b"], timeout_seconds=5)
    assert (done.stdout, done.stderr, done.exit_code) == ("hello", "why", 3)
    assert "exec?container=agent&command=sh&command=-c&command=a+b&stdout=true&stderr=true" in server.paths[-1]


def test_a_program_that_cannot_be_run_or_breaks_off(server: Server, tmp_path: Path) -> None:
    client = _client(server.kubeconfig(tmp_path))
    with pytest.raises(errors.PodExecFailed, match='exec in nobody/agent: 404 pods "nobody" not found'):
        client.run_in("nobody", "agent", ["true"], timeout_seconds=5)
    server.frames = [b"\x01half"]
    with pytest.raises(errors.PodExecFailed, match=r"exec in mysql-0/agent: the connection was lost"):
        client.run_in("mysql-0", "agent", ["true"], timeout_seconds=5)


def test_what_a_program_prints_is_kept_up_to_a_limit(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody who may run code in a member's container could fill the memory of whoever asks its agent."""
    client = _client(server.kubeconfig(tmp_path))
    monkeypatch.setattr(kube_exec, "MOST_BYTES", 150)
    piece, end = b"x" * 60, b'\x03{"status":"Success"}'
    server.frames = [b"\x01" + piece, b"\x02" + piece, end]
    assert client.run_in("mysql-0", "agent", ["true"], timeout_seconds=5).exit_code == 0
    for channel in (b"\x01", b"\x02", b"\x07"):
        server.frames = [b"\x01" + piece, b"\x02" + piece, channel + b"x" * 30, end]
        with pytest.raises(errors.PodExecFailed, match="it printed more than"):
            client.run_in("mysql-0", "agent", ["true"], timeout_seconds=5)


def test_a_conversation_with_a_program(server: Server, tmp_path: Path) -> None:
    client = _client(server.kubeconfig(tmp_path))
    server.frames = [b"\x01", b"\x01hi", b"\x02oh", b'\x03{"status":"Success"}']
    with client.attached("mysql-0", "mysqld", ["sh"], tty=False) as running:
        running.write(b"x" * 20_000)
        running.resize(80, 24)
        assert [running.read(), running.read(), running.read()] == [(1, b"hi"), (2, b"oh"), None]
    assert running.exit_code == 0
    assert server.paths[-1].endswith("command=sh&stdin=true&stdout=true&stderr=true")
    with client.attached("mysql-0", "mysqld", ["sh"], tty=True):
        assert server.paths[-1].endswith("stdin=true&stdout=true&tty=true")


def test_a_conversation_that_is_lost_is_no_end(server: Server, tmp_path: Path) -> None:
    client = _client(server.kubeconfig(tmp_path))

    def talk(pod: str) -> None:
        with client.attached(pod, "mysqld", ["sh"], tty=False) as running:
            while running.read():
                pass

    server.frames = [b"\x01hi"]
    with pytest.raises(errors.PodExecFailed, match="the connection was lost"):
        talk("mysql-0")
    with pytest.raises(errors.PodExecFailed, match="exec in nobody/mysqld: 404"):
        talk("nobody")


def test_a_reader_of_ours_that_has_gone_is_no_lost_connection(server: Server, tmp_path: Path) -> None:
    """`mysqlops sql < statements.sql | head` said that the connection to the pod was lost."""
    client = _client(server.kubeconfig(tmp_path))
    server.frames = [b"\x01hi", b'\x03{"status":"Success"}']

    def relay() -> None:
        with client.attached("mysql-0", "mysqld", ["sh"], tty=False) as running:
            assert running.read() == (1, b"hi")
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        relay()


@pytest.mark.parametrize("broken", [socket.gaierror("no such host"), ssl.SSLError("bad"), TimeoutError("slow")])
def test_a_pod_that_cannot_be_reached_is_that_error_and_no_other(
    broken: OSError, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = _client(server.kubeconfig(tmp_path))

    def refuse(*_: object) -> NoReturn:
        raise broken

    def talk() -> None:
        with client.attached("mysql-0", "mysqld", ["sh"], tty=False):
            pass

    monkeypatch.setattr(client._connection, "websocket", refuse)
    with pytest.raises(errors.PodExecFailed, match="exec in mysql-0/mysqld: the connection was lost"):
        talk()
    with pytest.raises(errors.PodExecFailed, match="exec in mysql-0/agent: the connection was lost"):
        client.run_in("mysql-0", "agent", ["true"], timeout_seconds=5)


def test_a_token_is_sent_nowhere_else(server: Server, tmp_path: Path) -> None:
    """A redirect that a kubelet or a proxy answers with."""
    client = _client(server.kubeconfig(tmp_path))
    with pytest.raises(errors.PodExecFailed):
        client.run_in("elsewhere", "agent", ["true"], timeout_seconds=5)
    assert "/stolen" not in server.paths


def test_refusals_keep_their_class(server: Server, tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match="404 no such thing"):
        _client(server.kubeconfig(tmp_path)).get("Pod", "nobody")


@pytest.mark.parametrize(
    ("no_proxy", "is_bypassed"),
    [
        ("", False),
        ("*", True),
        ("127.0.0.0/8", True),
        ("10.0.0.0/8,127.0.0.1", True),
        ("10.0.0.0/8", False),
        ("lab.example", False),
    ],
)
def test_proxies_are_left_out_where_no_proxy_says(no_proxy: str, is_bypassed: bool) -> None:
    assert connection.bypasses("https://127.0.0.1:6443", no_proxy) is is_bypassed


def test_a_domain_covers_what_is_below() -> None:
    assert connection.bypasses("https://api.lab.example", ".lab.example")
    assert connection.bypasses("https://api.lab.example", "lab.example")
    assert not connection.bypasses("https://apilab.example", "lab.example")
