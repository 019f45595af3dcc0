"""The server of a backup's Job: the very scripts that the Job runs, in a container with the Job's folders."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from mysqlops.core import adoption
from mysqlops.mysql import connect
from mysqlops.operations import bundle, restic
from tests.database.containers import docker, eventually, image
from tests.database.files import CONFIG

SCRIPT = restic.templates().scripts["mysqld.sh"]
_PYTHON = os.environ.get("MYSQLOPS_AGENT_IMAGE", "python:3.13-slim")
_SETTINGS = """
[mysqld]
innodb_redo_log_capacity = 64M
innodb_buffer_pool_size = 64M
innodb_doublewrite = OFF
performance_schema = OFF
"""


class Copy:
    """/work and /scratch of one Job, below `root`; its server is started by start() and stopped by stop()."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="mo-"))
        self.name = f"mysqlops-test-{secrets.token_hex(3)}-copy"
        self.root.chmod(0o755)
        for folder in ("work", "scratch", "tmp", "config"):
            (self.root / folder).mkdir()
            (self.root / folder).chmod(0o777)
        (self.root / "config" / "my.cnf").write_text((CONFIG / "my.cnf").read_text() + _SETTINGS)

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *_: object) -> None:
        docker("rm", "-f", "-v", self.name, check=False)
        docker(*self.run("0:0", "--rm"), "sh", "-c", "rm -rf /scratch/* /work/*", check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self, **environment: str) -> connect.Server:
        """The server once it answers; it is initialised, loaded or neither, as the environment and the folders say."""
        self.begin(**environment)
        return eventually(self.ready, "an answer of the server on the copy", seconds=120)

    def begin(self, **environment: str) -> None:
        docker("rm", "-f", "-v", self.name, check=False)
        settings = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
        docker(*self.run("999:999", "-d", "--name", self.name, *settings), "sh", "-c", SCRIPT, "mysqld.sh")

    def program(self, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of the agent's programs, as a step of the Job."""
        (self.root / "agent").mkdir(exist_ok=True)
        (self.root / "agent" / "agent.pyz").write_bytes(bundle.build().content)
        settings = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
        mounts = [word for one in ("work", "scratch", "agent") for word in ("-v", f"{self.root / one}:/{one}")]
        words = ("docker", "run", "--rm", "--user", "999:999", "--network", "none", *settings, *mounts)
        inside = ("--entrypoint", "", _PYTHON, "python3", "/agent/agent.pyz", name)
        return subprocess.run([*words, *inside], capture_output=True, text=True, timeout=180, check=False)

    def shell(self, script: str) -> None:
        """Run a part of the scripts beside the server."""
        docker("exec", "-d", self.name, "sh", "-c", f"{SCRIPT.partition('# A server for')[0]}\nname=mysqld\n{script}")

    def login(self, user: str = "root") -> connect.Server:
        login = connect.Login(user, "", ssl_mode=adoption.REQUIRED)
        return connect.connect_socket(login, path=str(self.root / "work" / "mysqld.sock"), timeout_seconds=60)

    def ready(self) -> connect.Server | None:
        if (self.root / "work" / "mysqld.stopped").exists():
            raise AssertionError(f"the server on the copy ended: {docker('logs', self.name)[-2000:]}")
        with socket.socket(socket.AF_UNIX) as tried:  # PyMySQL leaves one that is refused open
            if tried.connect_ex(str(self.root / "work" / "mysqld.sock")):
                return None
        return self.login()

    def run(self, user: str, *words: str) -> tuple[str, ...]:
        folders = {"work": "/work", "scratch": "/scratch", "tmp": "/tmp", "config": "/etc/mysqlops:ro"}
        mounts = [word for folder, path in folders.items() for word in ("-v", f"{self.root / folder}:{path}")]
        return ("run", "--user", user, "--network", "none", *words, *mounts, "--entrypoint", "", image())
