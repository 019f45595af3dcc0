"""What answers at an address: a server that offers no TLS, as whoever is on the way can make it look, gets no password;
one that is no MySQL server is an error like any other."""

from __future__ import annotations

import contextlib
import gc
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.agent import openssl
from mysqlops.clock import SystemClock
from mysqlops.core import adoption
from mysqlops.mysql import bounded, connect, wait

_PROTOCOL_41, _SECURE, _LONG, _PLUGIN = 0x0200, 0x8000, 0x0001, 0x80000
_CLEAR = b"\xfemysql_clear_password\0"


def _packet(number: int, content: bytes) -> bytes:
    return struct.pack("<I", len(content))[:3] + bytes([number]) + content


def _greeting(version: bytes = b"9.7.4") -> bytes:
    able = _PROTOCOL_41 | _SECURE | _LONG | _PLUGIN  # and not CLIENT_SSL
    first = b"\x0a" + version + b"\0" + struct.pack("<I", 7) + b"abcdefgh\0" + struct.pack("<H", able & 0xFFFF)
    more = b"\x21" + struct.pack("<H", 2) + struct.pack("<H", able >> 16) + b"\x15" + b"\0" * 10
    return first + more + b"ijklmnopqrst\0" + b"mysql_native_password\0"


_GREETING = _greeting()


class Stripped:
    """It asks for the password in clear, unless it gives other answers."""

    def __init__(self, greeting: bytes = _GREETING, answer: bytes = _CLEAR) -> None:
        self.heard = b""
        self._greeting, self._answer = greeting, answer
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(1)
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            client, _ = self._socket.accept()
        except OSError:  # closed, and nobody had come
            return
        with client:
            client.settimeout(5)
            client.sendall(_packet(0, self._greeting))
            self.heard += client.recv(4096)
            if self.heard:
                client.sendall(_packet(2, self._answer))
                self.heard += client.recv(4096)

    def close(self) -> None:
        """Who came is heard to the end; for who did not come, nobody waits."""
        with contextlib.suppress(OSError):  # it is closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()


@pytest.fixture
def stripped() -> Iterator[Stripped]:
    server = Stripped()
    yield server
    server.close()


@pytest.mark.parametrize("mode", ["", adoption.VERIFY_IDENTITY, adoption.VERIFY_CA, adoption.REQUIRED])
def test_no_password_goes_to_a_server_without_tls(stripped: Stripped, tmp_path: Path, mode: str) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text(openssl.make_ca(tmp_path)["ca.crt"])
    login = connect.Login("app", "S3cret-password", str(ca), mode)
    with pytest.raises(errors.ConnectFailed):
        connect.connect_tcp("127.0.0.1", login, port=stripped.port)
    stripped.close()
    assert stripped.heard == b""


def test_no_password_goes_to_a_server_that_nothing_verifies(stripped: Stripped) -> None:
    login = connect.Login("app", "S3cret-password")
    with pytest.raises(errors.ConfigError, match="nothing verifies the server that gets the password of app"):
        connect.connect_tcp("127.0.0.1", login, port=stripped.port)
    target = wait.Target("127.0.0.1", stripped.port)
    with pytest.raises(errors.ConfigError):
        wait.wait_for([target], login, clock=SystemClock(), timeout_seconds=5, tell=print)
    stripped.close()
    assert stripped.heard == b""


def test_a_ca_that_is_none_is_a_wrong_option(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("no certificate")
    with pytest.raises(errors.ConfigError, match="CA file"):
        connect.connect_tcp("127.0.0.1", connect.Login("app", "x", str(tmp_path / "ca")), port=1)


def test_a_password_that_is_no_text_is_refused_without_a_byte_of_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xfesecret")
    with pytest.raises(errors.ConfigError) as refused:
        connect.read_login("app", str(file))
    assert str(refused.value) == f"--password-file {file}: not UTF-8"


def _try_all(folder: Path, port: int) -> None:
    for mode in (adoption.VERIFY_IDENTITY, adoption.VERIFY_CA, adoption.REQUIRED):
        with pytest.raises(errors.ConnectFailed):
            connect.connect_tcp("127.0.0.1", connect.Login("app", "x", str(folder / "ca"), mode), port=port)
    with pytest.raises(errors.ConnectFailed):
        connect.connect_admin(connect.Login("app", "x"), port=port)
    with pytest.raises(errors.ConnectFailed):
        connect.connect_socket(connect.Login("app", "x"), path=str(folder / "none.sock"))


def _held() -> list[object]:
    return [one for one in gc.get_objects() if isinstance(one, ssl.SSLContext | socket.socket)]


# pymysql itself does not close a Unix socket that it could not connect.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_attempts_that_fail_leave_nothing_to_the_garbage_collector(tmp_path: Path) -> None:
    """An agent tries four times a second while its mysqld starts, and the collector runs rarely."""
    (tmp_path / "ca").write_text(openssl.make_ca(tmp_path)["ca.crt"])
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = int(once.getsockname()[1])
    gc.collect()
    gc.disable()
    try:
        before = len(_held())
        _try_all(tmp_path, port)
        assert len(_held()) == before
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"\n",
        b"\n9",
        b"\n9.7.4\0",
        b"\xff",
        b"\0" * 4,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ]
    + [_greeting(version) for version in (b"", b"x", b"nine.7", b"\xff\xfe")],
)
def test_what_is_no_mysql_server_is_an_error_of_ours(greeting: bytes) -> None:
    server = Stripped(greeting, b"\xff")
    try:
        with pytest.raises(errors.MysqlError):
            connect.connect_tcp("127.0.0.1", connect.Login("app", "x", "", adoption.DISABLED), port=server.port)
    finally:
        server.close()


@pytest.mark.parametrize("plugin", [b"client_ed25519", b"parsec", b"auth_gssapi_client", b"dialog"])
def test_a_plugin_that_no_agent_has_is_named_with_the_server(plugin: bytes) -> None:
    """MariaDB's own. The password goes nowhere."""
    server = Stripped(_greeting(b"11.8.3-MariaDB"), b"\xfe" + plugin + b"\0" + b"s" * 32)
    try:
        with pytest.raises(errors.StatementFailed, match=r"MySQL error 2059: .*11\.8\.3-MariaDB") as error:
            connect.connect_tcp("127.0.0.1", connect.Login("app", "S3cret", "", adoption.DISABLED), port=server.port)
    finally:
        server.close()
    assert "S3cret" not in f"{error.value} {server.heard!r}"


def test_a_password_is_sent_as_other_clients_send_it() -> None:
    """In UTF-8: PyMySQL took latin1, in which most characters do not exist."""
    server = Stripped()
    try:
        with pytest.raises(errors.MysqlError):
            connect.connect_tcp(
                "127.0.0.1", connect.Login("app", "pässwörd 日本", "", adoption.DISABLED), port=server.port
            )
    finally:
        server.close()
    assert "pässwörd 日本".encode() in server.heard


def _read_slowly(given: bytes) -> tuple[bytes, errors.MysqlError]:
    """What the client sends in answer to these bytes, which come one by one, and its error."""
    ours, theirs = socket.socket(), b""
    ours.bind(("127.0.0.1", 0))
    ours.listen(1)

    def serve() -> None:
        nonlocal theirs
        client, _ = ours.accept()
        with client, contextlib.suppress(OSError):
            client.settimeout(5)
            for one in given:
                client.sendall(bytes([one]))
                time.sleep(0.02)
            theirs += client.recv(4096)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    login, port = connect.Login("app", "x", "", adoption.DISABLED), int(ours.getsockname()[1])
    with pytest.raises(errors.MysqlError) as error:
        connect.connect_tcp("127.0.0.1", login, port=port, timeout_seconds=0.3, is_bounded=True)
    thread.join(10)
    ours.close()
    return theirs, error.value


def test_who_answers_slowly_keeps_nobody() -> None:
    """A byte now and then began PyMySQL's timeout again: it went on to the end of the greeting, and answered it."""
    heard, error = _read_slowly(_packet(0, _GREETING))
    assert heard == b""
    assert re.search("did not end in time|timed out", str(error))


def test_an_endless_answer_is_not_read() -> None:
    """A packet of the greatest length goes on in the next one, which the agent of another member would keep too."""
    heard, error = _read_slowly(b"\xff\xff\xff\0")
    assert heard == b""
    assert f"more than {bounded.LONGEST} bytes" in str(error)


def test_a_bounded_connection_reads_what_others_read() -> None:
    server = Stripped(_GREETING, b"\xff" + struct.pack("<H", 1045) + b"#28000no")
    try:
        with pytest.raises(errors.AccessDenied, match="no"):
            connect.connect_tcp(
                "127.0.0.1", connect.Login("app", "x", "", adoption.DISABLED), port=server.port, is_bounded=True
            )
    finally:
        server.close()


_OK = b"\0\0\0" + struct.pack("<HH", 2, 0)
_EOF = b"\xfe" + struct.pack("<HH", 0, 2)


def _column(kind: int = 0xFD) -> bytes:
    names = b"".join(bytes([len(one)]) + one for one in (b"def", b"", b"", b"", b"c", b""))
    return names + b"\x0c" + struct.pack("<HIBHB", 45, 100, kind, 0, 0) + b"\0\0"


@contextlib.contextmanager
def _connected(*answer: bytes, is_bounded: bool = True) -> Iterator[connect.Server]:
    """A session with a server that answers the first question after the login with these packets."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(1)

    def serve() -> None:
        client, _ = listening.accept()
        with client, contextlib.suppress(OSError):
            client.settimeout(5)
            client.sendall(_packet(0, _GREETING))
            client.recv(4096)
            client.sendall(_packet(2, _OK))
            while b"SELECT" not in client.recv(4096):
                client.sendall(_packet(1, _OK))
            client.sendall(b"".join(_packet(number, one) for number, one in enumerate(answer, 1)))
            client.recv(4096)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    login, port = connect.Login("app", "x", "", adoption.DISABLED), int(listening.getsockname()[1])
    with connect.connect_tcp("127.0.0.1", login, port=port, timeout_seconds=1, is_bounded=is_bounded) as server:
        yield server
    thread.join(10)
    listening.close()


@pytest.mark.parametrize("is_bounded", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        (b"",),
        (b"\xff",),
        (b"\xff\x01",),
        (b"\xff\x15\x04#\xff\xfe\xfd\xfc\xfbno",),
        (b"\0",),
        (b"\xfb/etc/passwd",),
        (b"\x01", b"", _EOF),
        (b"\x01", b"\xfb" * 30, _EOF),
        (b"\x01", _column(), b"\0"),
        (b"\x01", _column(), _EOF, b"\xfd\xff\xff\xff", _EOF),
        (b"\x01", _column(3), _EOF, b"\x03abc", _EOF),
        (b"\x01", _column(0xF6), _EOF, b"\x03abc", _EOF),
        (b"\x01", _column(3), _EOF, b"\xfc\x88\x13" + b"9" * 5000, _EOF),
    ],
    ids=lambda one: str(one)[:40],
)
def test_an_answer_that_is_none_is_an_error_of_ours(answer: tuple[bytes, ...], is_bounded: bool) -> None:
    """PyMySQL raised IndexError, struct.error, ValueError…, which ended whoever asks several servers at the first."""
    with _connected(*answer, is_bounded=is_bounded) as server:
        with pytest.raises(errors.MysqlError):
            server.query("SELECT 1")
        with pytest.raises(errors.ConnectFailed):  # where the answer would have ended, nobody knows
            server.query("SELECT 1")


def test_an_answer_without_rows_has_no_value() -> None:
    with _connected(_OK) as server, pytest.raises(errors.ConnectFailed, match="2027: its answer cannot be read"):
        server.scalar("SELECT 1")
