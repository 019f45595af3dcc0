"""Connections to mysqld; answer.py reads what comes back.

Accounts and statements with passwords go through `execute_secret`, whose errors never repeat the statement.
A statement on a lost connection is never sent again: the caller observes again (PyMySQL #372).
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pymysql

from mysqlops import errors
from mysqlops.core import adoption
from mysqlops.mysql import answer, bounded, wire_text

SOCKET = "/run/mysqlops/mysqld.sock"
# Overrides a site's default; pymysql does not notice a changed default of autocommit.
_SESSION = "SET SESSION autocommit = 1"
_OWN_SESSION = f"{_SESSION}, sql_mode = ''"
LOOPBACK, ADMIN_PORT = "127.0.0.1", 33062
NOBODY_LISTENS = 2003

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Login:
    """An account; repr never shows its password. The server's name is verified by the CA, unless `ssl_mode`
    (core/adoption.py) says otherwise: without either, no password is sent over TCP."""

    user: str
    password: str
    ca_file: str = ""
    ssl_mode: str = ""

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


def read_login(user: str, password_file: str, ca_file: str = "", ssl_mode: str = "") -> Login:
    """A login with the password from a file (never from argv or the environment); raises ConfigError."""
    try:
        return Login(user, Path(password_file).read_text(encoding="utf-8").rstrip("\n"), ca_file, ssl_mode)
    except OSError as error:
        raise errors.ConfigError(f"--password-file {password_file}: {error.strerror}") from error
    except UnicodeDecodeError:  # its text would show a byte of the password
        raise errors.ConfigError(f"--password-file {password_file}: not UTF-8") from None


class Server:
    """One open connection, autocommit on."""

    def __init__(self, connection: pymysql.connections.Connection[Any], where: str) -> None:
        self._connection = connection
        self.where = where

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement and return its rows; raises ConnectFailed, AccessDenied or StatementFailed."""
        with answer.mapped(self.where, sql):
            statement = self._connection.cursor().mogrify(sql, parameters or None)
            with answer.understood(self._connection), self._connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())

    def scalar(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        rows = self.query(sql, parameters)
        if not rows:
            raise answer.unreadable(self.where, sql, "it has no row")
        return rows[0][0]

    def execute_bytes(self, sql: bytes) -> None:
        """Run a statement that is written in the session's character_set_client, which is not UTF-8."""
        with answer.mapped(self.where, sql.decode("ascii", "backslashreplace")), answer.understood(self._connection):
            self._connection.query(sql)

    def execute_secret(self, sql: str, what: str) -> None:
        """Run a statement that holds a password; an error names `what`, never the statement."""
        told = answer.mapped(self.where, what, secret=True)
        with told, answer.understood(self._connection), self._connection.cursor() as cursor:
            cursor.execute(sql)

    def switch(self, command: int) -> socket.socket:
        """Send a command after which the connection speaks another protocol, and return its socket, which the caller
        closes: no further packet of MySQL's protocol may follow."""
        with answer.mapped(self.where, f"command {command}"), answer.understood(self._connection):
            self._connection._execute_command(command, b"")  # type: ignore[attr-defined]
            self._connection._read_packet()  # type: ignore[no-untyped-call]
        stream: socket.socket = self._connection._sock  # type: ignore[attr-defined]
        return stream

    def close(self) -> None:
        with contextlib.suppress(pymysql.Error, OSError):
            self._connection.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect_socket(login: Login, *, path: str = SOCKET, timeout_seconds: float = 5) -> Server:
    """Connect to the mysqld in the same pod. Without TLS, which a socket does not need: pymysql would load all of the
    system's CAs for each try."""
    where: dict[str, Any] = {"unix_socket": path, "ssl_disabled": True}
    return _waits_for_nobody(_connect("the local server", login, timeout_seconds, **where, init_command=_OWN_SESSION))


def connect_admin(login: Login, *, port: int = ADMIN_PORT, timeout_seconds: float = 5) -> Server:
    """Connect to the same mysqld by its administrative interface, which does not count against max_connections, so that
    clients cannot lock the agent out. Only this pod can listen there, so no name is verified, as for the socket."""
    context = _context(replace(login, ca_file="", ssl_mode=adoption.REQUIRED))
    where: dict[str, Any] = {"host": LOOPBACK, "port": port, "ssl": context}
    return _waits_for_nobody(_connect("the local server", login, timeout_seconds, **where, init_command=_OWN_SESSION))


def _waits_for_nobody(server: Server) -> Server:
    """A site's default may be that sessions wait for the group. A member that has lost its group refuses their queries
    (error 3796), so its agent could neither observe it nor bring it back. Without the plugin, the variable does not
    exist."""
    try:
        server.query("SET SESSION group_replication_consistency = 'EVENTUAL'")
    except errors.StatementFailed:
        pass
    except errors.MysqlError:
        server.close()
        raise
    return server


def connect_tcp(
    host: str,
    login: Login,
    *,
    port: int = 3306,
    database: str | None = None,
    timeout_seconds: float = 5,
    is_bounded: bool = False,
) -> Server:
    """Connect over TLS and verify the server as the login says; raises ConfigError if it does not say how. If
    `is_bounded`, each answer must end within the timeout, and is short (bounded.py): for an agent that must go on
    whatever another member does."""
    options: dict[str, Any] = {"host": host, "port": port, "database": database}
    if login.ssl_mode == adoption.DISABLED:
        options["ssl_disabled"] = True
    else:
        options["ssl"] = _context(login)
    kind = bounded.Connection if is_bounded else pymysql.connections.Connection
    return _connect(f"{host}:{port}", login, timeout_seconds, kind, **options)


def check_trust(login: Login) -> None:
    """Raises ConfigError for a login with which anybody who answers would get the password."""
    if not (login.ca_file or login.ssl_mode):
        text = f"nothing verifies the server that gets the password of {login.user}"
        hint = f"give the file of its CA, or TLS mode {adoption.REQUIRED} if you trust the network between"
        raise errors.ConfigError(text, hint=hint)


def _context(login: Login) -> ssl.SSLContext:
    check_trust(login)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = login.ssl_mode in ("", adoption.VERIFY_IDENTITY)
    if login.ssl_mode == adoption.REQUIRED:
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(login.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise errors.ConfigError(f"CA file {login.ca_file}: {error}") from error
    return context


def _connect(
    where: str,
    login: Login,
    timeout_seconds: float,
    kind: type[pymysql.connections.Connection[Any]] = pymysql.connections.Connection,
    **options: Any,
) -> Server:
    with answer.mapped(where, f"connect as {login.user}", secret=True):
        connection = kind(
            user=login.user,
            password=login.password.encode(),  # else PyMySQL encodes it in latin1, as no other client does
            connect_timeout=max(1, int(timeout_seconds)),
            read_timeout=timeout_seconds,
            write_timeout=timeout_seconds,
            charset="utf8mb4",
            autocommit=None,
            defer_connect=True,
            **{"init_command": _SESSION, **options},
        )
        _open(connection)
    if "ssl" in options and not getattr(connection, "_secure", False):  # PyMySQL before 1.2 continued in plaintext
        connection.close()
        text = f"{where}: TLS is required, but the server does not offer it"
        raise errors.ConnectFailed(text, errno=answer.TLS_FAILED)
    connection.encoding = wire_text.CODEC
    return Server(connection, where)


def _open(connection: pymysql.connections.Connection[Any]) -> None:
    """What answers at an address may be anything, and PyMySQL expects a MySQL server whose account it can prove."""
    try:
        connection.connect()
    except (RuntimeError, pymysql.OperationalError) as error:
        # RuntimeError: a package that the agent does not have, for RSA where TLS is off, or for a plugin of MariaDB.
        if isinstance(error, pymysql.OperationalError) and answer.number_of(error) != answer.NO_PLUGIN:
            raise
        said = f"the server says it is {_greeted(connection)}: {answer.message_of(error)}"
        text = f"the account cannot log in that way, {said}"
        raise pymysql.OperationalError(answer.NO_PLUGIN, text) from error
    except answer.NO_MYSQL as error:
        text = f"what answers there is no MySQL server, or cannot be read: {error}"
        raise pymysql.OperationalError(answer.MALFORMED, text) from error


def _greeted(connection: pymysql.connections.Connection[Any]) -> str:
    return str(getattr(connection, "server_version", "unknown"))[:60]


def is_refused(path: str = SOCKET) -> bool:
    """True only if the socket is there and nobody listens, as after a crash: a server that stops deletes it, and the
    kernel accepts for one that is busy or frozen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(path)
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
    return False


def set_read_timeout(server: Server, seconds: float) -> None:
    """For statements that are known to take long, such as START GROUP_REPLICATION."""
    server._connection._read_timeout = seconds  # type: ignore[attr-defined]


def is_answer(error: errors.MysqlError) -> bool:
    """True if a server said so: clients' own numbers from 2000 on mean that no answer came, except that TLS failed."""
    return error.errno == answer.TLS_FAILED or (error.errno >= 1000 and error.errno // 1000 != 2)
