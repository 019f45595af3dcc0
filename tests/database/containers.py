"""Docker, and a data directory that prepare.sh made once: each real server in a test begins with a copy of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

import pytest

from mysqlops import errors
from mysqlops.core import version
from tests import images, waiting
from tests.conftest import missing
from tests.database.files import CONFIG, write_accounts, write_certificate

T = TypeVar("T")
_current: list[str] = []  # while tests run on one of several


@contextlib.contextmanager
def use(image_name: str) -> Iterator[None]:
    """Start every container of MySQL from that image."""
    _current.append(image_name)
    try:
        yield
    finally:
        _current.pop()


def image() -> str:
    return _current[-1] if _current else images.chosen()[0]


def version_of(image_name: str) -> version.ServerVersion:
    """What `mysqld --version` says in an image."""
    told = docker("run", "--rm", "--entrypoint", "", image_name, "mysqld", "--version")
    found = version.parse_mysqld_output(told)
    assert found is not None, told
    return found


def docker(*words: str, check: bool = True, seconds: float = 120, stderr: bool = False) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=seconds, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(words[:3])} failed: {done.stderr.strip()[-800:]}")
    return (done.stderr if stderr else done.stdout).strip()


def eventually(look: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """The first look that is true; a look may fail while a server is away."""
    return waiting.eventually(look, what, seconds, pause=0.1, away=(errors.MysqlError,))


def in_network_of(container: str, action: Callable[[], T]) -> T:
    """Run something as the pod's other containers do: on that container's loopback."""
    libc, process = ctypes.CDLL(None, use_errno=True), docker("inspect", "-f", "{{.State.Pid}}", container)

    def enter_and_run() -> T:
        with Path(f"/proc/{process}/ns/net").open() as network:
            assert libc.setns(network.fileno(), 0) == 0, os.strerror(ctypes.get_errno())
        return action()

    with ThreadPoolExecutor(1) as thread:  # a namespace is a thread's
        return thread.submit(enter_and_run).result()


class Created:
    """Made on entering, removed at the end; what fails half way leaves nothing."""

    def __enter__(self) -> Self:
        try:
            self._create()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _create(self) -> None:
        raise NotImplementedError

    def remove(self) -> None:
        raise NotImplementedError


class Template(Created):
    """A data directory that prepare.sh made once, accounts included; each member begins with a copy of it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mo-"))
        self.volume = f"mysqlops-test-{secrets.token_hex(3)}-template"

    def _create(self) -> None:
        self.folder.chmod(0o755)
        for name in ("statements", "tls"):
            (self.folder / name).mkdir()
        write_accounts(self.folder / "statements")
        write_certificate(self.folder / "tls")
        docker("volume", "create", self.volume)
        docker(*self._run("0:0"), "sh", "-euc", "chown 999:999 /var/lib/mysql")
        docker(*self._run("999:999"), "sh", "/etc/mysqlops/prepare.sh")

    def _run(self, user: str) -> tuple[str, ...]:
        mounts = {
            self.volume: "/var/lib/mysql",
            str(CONFIG): "/etc/mysqlops:ro",
            str(self.folder / "statements"): "/run/statements",
            str(self.folder / "tls"): "/run/tls:ro",
        }
        volumes = [word for source, path in mounts.items() for word in ("-v", f"{source}:{path}")]
        tmpfs = ("--tmpfs", "/run/mysqlops:uid=999,gid=999", "--tmpfs", "/tmp:uid=999,gid=999")
        return ("run", "--rm", "--user", user, *tmpfs, *volumes, "--entrypoint", "", image())

    def remove(self) -> None:
        docker("volume", "rm", "-f", self.volume, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def must_answer(config: pytest.Config) -> None:
    """Skips, or fails where Docker is required, if no daemon answers."""
    try:
        docker("info")
    except (AssertionError, OSError):
        missing(config, "database", "no Docker daemon answers (scripts/lab up starts one)")
