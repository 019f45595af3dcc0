"""`sql` and `top` with a real server and its own client: the script runs in mysqld's container, as in a pod."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import activity as reading
from mysqlops.core import names
from mysqlops.kube import manifests
from mysqlops.mysql import activity, client_output, connect
from mysqlops.operations import programs, sql
from tests.database.conftest import Database
from tests.database.containers import docker, eventually
from tests.database.files import PASSWORDS

PASSWORD = PASSWORDS[names.KEY_APP_PASSWORD]
FILE = sql.option_file(names.USER_APP, PASSWORD, names.DATABASE_APP)
SCRIPT = manifests.read_text("sql/client.sh")


@pytest.fixture(autouse=True)
def _open(database: Database) -> None:
    """Other tests of this server leave it in offline mode."""
    with database.connect() as one:
        one.query("SET GLOBAL offline_mode = OFF")


@pytest.fixture
def server(database: Database) -> Iterator[connect.Server]:
    with database.connect() as one:
        one.query("SET GLOBAL read_only = OFF")  # with super_read_only
        one.query("CREATE TABLE app.t (id INT PRIMARY KEY, v BLOB)")
        one.query("INSERT INTO app.t VALUES (1, 'one'), (2, 'two')")
        yield one
        one.query("DROP TABLE app.t")
        one.query("SET GLOBAL super_read_only = ON")


def _framed(*parts: bytes, end: bytes = b"0\n") -> bytes:
    return b"".join(b"%d\n%b" % (len(part), part) for part in parts) + end


def _command(database: Database, how: str, *words: str) -> list[str]:
    more = ["-t"] if how == "terminal" else []
    return ["docker", "exec", "-i", *more, database.container, "sh", "-c", SCRIPT, "sh", how, "xterm", *words]


def _piped(database: Database, given: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = _command(database, "pipe", "--batch", "--binary-mode", *words)
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)


def _results(database: Database, statement: bytes) -> list[client_output.Result]:
    done = _piped(database, _framed(FILE, statement), "--xml")
    assert done.returncode == 0, done.stderr
    return client_output.results(done.stdout.decode(errors="replace"))


def test_the_account_that_requires_tls_gets_in_by_the_socket(database: Database, server: connect.Server) -> None:
    who, cipher = _results(
        database, b"SELECT CURRENT_USER() u, DATABASE() d, @@hostname h; SHOW STATUS LIKE 'Ssl_cipher'"
    )
    assert who.rows == (("app@%", "app", "mysql-0"),)
    assert cipher.rows[0][1]


def test_values_arrive_as_they_are(database: Database, server: connect.Server) -> None:
    text = b"""SELECT NULL AS `<"n>`, 'NULL', '', 'a<b>&"c"', X'0109', 'x
y' FROM DUAL; SELECT 1 WHERE FALSE; SELECT 'later'"""
    first, empty, last = _results(database, text)
    assert first.columns[0] == '<"n>'
    assert first.rows == ((None, "NULL", "", 'a<b>&"c"', "\x01\t", "x\ny"),)
    assert (empty.rows, last.rows) == ((), (("later",),))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (_framed(FILE, b"SELECT nothing FROM nowhere"), errors.StatementFailed),
        (_framed(sql.option_file("app", "wrong", ""), b"SELECT 1"), errors.AccessDenied),
        (_framed(sql.option_file("app", PASSWORD, "none"), b"SELECT 1"), errors.AccessDenied),
        (_framed(FILE.replace(b"mysqld.sock", b"none.sock"), b"SELECT 1"), errors.ConnectFailed),
    ],
)
def test_failures_are_told_apart(database: Database, given: bytes, kind: type[errors.MysqlError]) -> None:
    done = _piped(database, given)
    assert done.returncode
    assert type(client_output.failure(done.returncode, done.stderr.decode())) is kind


def _login_path(*lines: bytes) -> bytes:
    """As mysql_config_editor writes it, which is not in every image: client/mysql_config_editor.cc."""
    made = bytes(4 + 20)  # no version, and a key of zeros, whose AES key is of zeros too
    for line in lines:
        words = ["openssl", "enc", "-aes-128-ecb", "-K", "00" * 16]
        hidden = subprocess.run(words, input=line, capture_output=True, check=True).stdout
        made += len(hidden).to_bytes(4, "little") + hidden
    return made


def test_no_file_on_the_members_volume_decides_who_logs_in(database: Database, server: connect.Server) -> None:
    """Images of MySQL have the home of their user there, and its login path comes after every option file."""
    home, given = "/var/lib/mysql", _framed(FILE, b"SELECT COUNT(*) FROM t;")
    there = ["docker", "exec", "-i", "-e", f"HOME={home}", *_command(database, "pipe", "--batch")[3:]]
    make = ["docker", "exec", "-i", database.container, "sh", "-c", f"umask 077; cat >{home}/.mylogin.cnf"]
    subprocess.run(make, input=_login_path(b"[client]\n", b"user = nobody\n"), timeout=60, check=True)
    try:
        done = subprocess.run(there, input=given, capture_output=True, timeout=60, check=False)
        assert (done.stdout, done.returncode) == (b"COUNT(*)\n2\n", 0), done.stderr
    finally:
        docker("exec", database.container, "rm", f"{home}/.mylogin.cnf")


def test_half_a_statement_is_not_run(database: Database, server: connect.Server) -> None:
    """The client runs what it has at the end of its input, without a semicolon too."""
    statement = b"DELETE FROM t WHERE id = 1"
    for cut in (len(b" WHERE id = 1") + 2, 2):
        _piped(database, _framed(FILE, statement)[:-cut])
    cut_between = _framed(FILE, b"DELETE FROM t", b" WHERE id = 1", end=b"")
    _piped(database, cut_between[: cut_between.index(b" WHERE") - 3])
    assert server.scalar("SELECT COUNT(*) FROM app.t") == 2
    assert _piped(database, _framed(FILE, statement)).returncode == 0
    assert server.scalar("SELECT COUNT(*) FROM app.t") == 1


def test_nobody_sees_the_password_or_the_statement(database: Database, server: connect.Server) -> None:
    command = _command(database, "pipe", "--batch")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(_framed(FILE, b"SELECT SLEEP(30), 'hush';\n"))
        process.stdin.flush()
        running = eventually(lambda: _asleep(server), "the statement runs")
        look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'; ls /dev/shm /tmp /run/mysqlops"
        seen = docker("exec", database.container, "sh", "-c", look)
        server.query("KILL CONNECTION %s", [running.id])
    assert "--defaults-file=/proc/self/fd/3" in seen
    assert PASSWORD not in seen
    assert "hush" not in seen
    assert "mysqlops-sql" not in seen.replace("mysqlops-sql-ready", "").replace("mysqlops-sql-$$", "")


def _asleep(server: connect.Server) -> reading.Session | None:
    seen = reading.read(activity.look(server))
    assert seen.failed == {}
    return next((one for one in seen.sessions if "SLEEP" in one.statement), None)


def test_a_terminal(database: Database, server: connect.Server) -> None:
    keyboard, screen = pty.openpty()
    with subprocess.Popen(_command(database, "terminal"), stdin=screen, stdout=screen, stderr=screen) as process:
        os.close(screen)
        running: Any = _Terminal(keyboard)
        said = sql.introduce(running, FILE)
        said += running.until(b"mysql> ")
        running.write(b"SELECT CONCAT('a', 'b') AS c;\r")
        said += running.until(b"mysql> ")
        running.write(b"exit\r")
        with contextlib.suppress(OSError):
            while more := os.read(keyboard, 1000):
                said += more
    os.close(keyboard)
    assert process.returncode == 0
    assert b"| ab " in said
    assert PASSWORD.encode() not in said


class _Terminal:
    """The API server's part: the terminal's two directions."""

    def __init__(self, keyboard: int) -> None:
        self._keyboard = keyboard

    def read(self) -> tuple[int, bytes] | None:
        ready, _, _ = select.select([self._keyboard], [], [], 20)
        return (1, os.read(self._keyboard, 1000)) if ready else None

    def write(self, data: bytes) -> None:
        os.write(self._keyboard, data)

    def until(self, text: bytes) -> bytes:
        said = b""
        while text not in said and (found := self.read()):
            said += found[1]
        return said


def test_who_waits_for_whom_and_the_end_of_one(database: Database, server: connect.Server) -> None:
    with database.connect() as holder, database.connect() as waiter, database.connect() as altering:
        holder.query("START TRANSACTION")
        holder.query("UPDATE app.t SET v = 'mine' WHERE id = 1")
        blocker = int(holder.scalar("SELECT CONNECTION_ID()"))
        waiting = int(waiter.scalar("SELECT CONNECTION_ID()"))
        threads = [
            threading.Thread(target=_quietly, args=(waiter, "UPDATE app.t SET v = 'secret' WHERE id = 1")),
            threading.Thread(target=_quietly, args=(altering, "ALTER TABLE app.t ADD COLUMN w INT")),
        ]
        for count, one in enumerate(threads, 1):  # the other way round, the update would wait for the ALTER
            one.start()
            found = eventually(partial(_waits, server, count), "it waits")
        assert {(one.blocker, one.on.partition(" (")[0]) for one in found.waits} >= {
            (blocker, "a row lock"),
            (blocker, "a lock"),
        }
        assert any(one.connection == blocker and one.rows_modified == 1 for one in found.transactions)
        texts = [one.statement for one in found.sessions if one.id == waiting]
        assert texts == ["UPDATE `app` . `t` SET `v` = ? WHERE `id` = ?"]
        assert activity.kill(server, blocker, reading.mark("tester"))
        for one in threads:
            one.join(30)
    assert server.scalar("SELECT v FROM app.t WHERE id = 1") == b"secret"
    assert not activity.kill(server, blocker, reading.mark("tester"))


def _waits(server: connect.Server, least: int) -> reading.Activity | None:
    seen = reading.read(activity.look(server))
    assert seen.failed == {}
    return seen if len({one.id for one in seen.waits}) >= least else None


def _quietly(server: connect.Server, statement: str) -> None:
    with contextlib.suppress(errors.MysqlError):
        server.query(statement)


def test_accounts(server: connect.Server) -> None:
    found = {(one.user, one.host): one for one in programs.ACCOUNTS.read(activity.accounts(server), ())}
    app = found[names.USER_APP, "%"]
    assert (app.requires_tls, app.is_locked, app.is_expired) == (True, False, False)
    assert app.has_second_password  # the data directory is made while a rotation is open
    assert not found["root", "localhost"].requires_tls
