"""The shell script of `mysqlops sql` in the member's container, with a client of ours."""

from __future__ import annotations

import base64
import contextlib
import os
import pty
import select
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mysqlops.kube import attach, manifests
from mysqlops.operations import sql
from tests.unit.cli.test_sql import PASSWORD, _framed

SCRIPT = manifests.read_text("sql/client.sh")
# Shows everything that others could see of it, then what it was given.
CLIENT = """#!/bin/sh
echo "argv: $*"
env
ls -la /dev/shm
echo "option file:"
cat /proc/self/fd/3 2>/dev/null || cat "${1#--defaults-file=}"
echo "input:"
if [ -t 0 ]; then read -r line; echo "typed $line"; stty -a; else cat; fi
echo "end of input"
exit 7
"""


def _start(folder: Path, how: str, client: str = CLIENT, **given: Any) -> subprocess.Popen[bytes]:
    mysql = folder / "mysql"
    mysql.write_text(client)
    mysql.chmod(0o755)
    return subprocess.Popen(
        ["sh", "-c", SCRIPT, "sh", how, "xterm", "--batch"],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        start_new_session=True,
        **given,
    )


def _piped(folder: Path, given: bytes, client: str = CLIENT) -> tuple[int, str]:
    pipe = subprocess.PIPE
    with _start(folder, "pipe", client, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        out, err = process.communicate(given, timeout=20)
    assert err == b""
    return process.returncode, out.decode()


def test_the_client_gets_the_password_where_nobody_else_sees_it(tmp_path: Path) -> None:
    file = sql.option_file("app", PASSWORD, "app")
    code, out = _piped(tmp_path, _framed(file, b"SELECT 1;\n", b"SELECT\0 2;\n"))
    seen, _, rest = out.partition("option file:\n")
    assert (code, rest) == (7, f"{file.decode()}input:\nSELECT 1;\nSELECT\0 2;\nend of input\n")
    assert "secret" not in seen
    assert "mysqlops-sql" not in seen  # no file has a name
    assert "argv: --defaults-file=/proc/self/fd/3 --batch" in seen
    assert {"MYSQL_HISTFILE=/dev/null", "HOME=/"} <= set(seen.splitlines())


@pytest.mark.parametrize("cut", [1, 12, 30])
def test_a_client_whose_connection_is_lost_does_not_see_the_end_of_half_a_statement(tmp_path: Path, cut: int) -> None:
    """It would run `DELETE FROM t` of `DELETE FROM t WHERE id = 1`."""
    whole = _framed(b"[client]\n", b"DELETE FROM t WHERE id = 1")
    code, out = _piped(tmp_path, whole[:-cut])
    assert (code, "end of input" in out) == (-9, False)


def test_a_client_that_ends_early_keeps_its_status(tmp_path: Path) -> None:
    big = [b"x" * 100_000] * 5
    code, out = _piped(tmp_path, _framed(b"[client]\n", *big), "#!/bin/sh\necho failed; exit 3\n")
    assert (code, out) == (3, "failed\n")


def test_on_a_terminal_the_password_is_not_echoed(tmp_path: Path) -> None:
    keyboard, screen = pty.openpty()
    file = sql.option_file("app", PASSWORD, "")
    with _start(tmp_path, "terminal", stdin=screen, stdout=screen, stderr=screen) as process:
        os.close(screen)
        running = Terminal(keyboard)
        first = sql.introduce(running, file)
        running.write(b"hello\n")
        said = first
        with contextlib.suppress(OSError):  # how a pseudo-terminal ends
            while (more := running.read()) is not None:
                said += more[1]
    os.close(keyboard)
    seen, _, rest = said.decode().replace("\r\n", "\n").partition("option file:\n")
    assert process.returncode == 7
    assert base64.b64encode(file).decode() not in said.decode()
    assert "secret" not in seen
    assert rest.startswith(f"{file.decode()}input:\n")
    assert "typed hello\n" in rest
    assert " echo " in rest  # again, as it was


@dataclass
class Terminal(attach.Attached):
    """The other side of a pseudo-terminal, as the API server passes it on."""

    keyboard: int

    def read(self) -> tuple[int, bytes] | None:
        ready, _, _ = select.select([self.keyboard], [], [], 20)
        return (attach.STDOUT, os.read(self.keyboard, 1000)) if ready else None

    def write(self, data: bytes) -> None:
        os.write(self.keyboard, data)
