"""The Job of an adoption in containers instead of a pod, each with its own command, environment and mounts; and
a server to take over, as tutorials make one."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mysqlops.core import adoption, names
from mysqlops.core.spec import ClusterSpec
from mysqlops.kube import manifests
from mysqlops.mysql import accounts
from mysqlops.objects import adopt
from mysqlops.operations import bundle
from tests.database.containers import docker, eventually, image
from tests.database.group import Group

PASSWORD = "pa\"ss'wo\\rd # of 1999"
_START = """
mysqld --no-defaults --datadir=/data/d --initialize-insecure
exec mysqld --no-defaults --datadir=/data/d --socket=/tmp/s --pid-file=/tmp/pid --mysqlx=OFF --init-file=/sql/init.sql \
  --log-output=TABLE --general-log=ON --default-time-zone=+05:30 --sql-mode=PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES \
  --max-allowed-packet=4M --character-set-server=latin1 --explicit-defaults-for-timestamp=OFF
"""
# All that docs/how-to/adopt.md asks for: a rehearsal needs no right to write.
READER = "SELECT, SHOW VIEW, TRIGGER, EVENT, PROCESS, SHOW_ROUTINE, REPLICATION CLIENT"
_READ_ONLY = "SYSTEM_VARIABLES_ADMIN"


@dataclass(frozen=True)
class Done:
    """What a container left."""

    code: int
    log: str

    @property
    def last(self) -> str:
        return self.log.strip().splitlines()[-1]


class Old:
    """A server that runs elsewhere."""

    def __init__(self, network: str, folder: Path) -> None:
        self.container = f"{network}-old"
        (folder / "sql").mkdir()
        quoted = accounts.quote(PASSWORD)
        users = (
            f"CREATE USER reader@'%' IDENTIFIED BY {quoted}",
            f"GRANT {READER} ON *.* TO reader@'%'",
            f"CREATE USER mover@'%' IDENTIFIED BY {quoted}",
            f"GRANT {READER}, {_READ_ONLY} ON *.* TO mover@'%'",
        )
        (folder / "sql" / "init.sql").write_text("SET sql_mode='';\n" + "".join(f"{line};\n" for line in users))
        docker(
            *("run", "-d", "--name", self.container, "--network", network, "--network-alias", "old.db.svc"),
            *("--user", "999:999", "--memory", "1g", "--tmpfs", "/tmp:uid=999", "--tmpfs", "/data:uid=999"),
            *("-v", f"{folder / 'sql'}:/sql:ro", "--entrypoint", "", image(), "sh", "-ec", _START),
        )
        eventually(lambda: self.sql("SELECT user FROM mysql.user WHERE user = 'mover'") or None, "the old server", 90)

    def sql(self, *statements: str) -> str:
        """Empty while it does not answer."""
        words = ("exec", self.container, "mysql", "--no-defaults", "-uroot", "--socket=/tmp/s", "-N", "--raw")
        settings = ("--init-command=SET sql_mode='', time_zone='+00:00'", "--default-character-set=utf8mb4")
        try:
            return docker(*words, *settings, "-e", ";".join(statements))
        except AssertionError:
            if statements[0].startswith("SELECT user"):
                return ""
            raise

    def shell(self, script: str) -> None:
        """Run a script beside it, such as one that sends bytes that are no UTF-8."""
        docker("exec", self.container, "sh", "-ec", script)

    def ca(self) -> str:
        return docker("exec", self.container, "cat", "/data/d/ca.pem")

    def statements(self, user: str) -> list[str]:
        """All that this account has run since the last call, each in a line."""
        query = "SELECT REPLACE(CONVERT(argument USING utf8mb4), '\\n', ' ') FROM mysql.general_log"
        found = self.sql(f"{query} WHERE command_type = 'Query' AND user_host LIKE '{user}[%'").splitlines()
        self.sql("TRUNCATE mysql.general_log")
        return found

    def is_read_only(self) -> str:
        return self.sql("SELECT CONCAT(@@read_only, @@super_read_only)")

    def remove(self) -> None:
        docker("rm", "-f", self.container, check=False)


@dataclass
class Job:
    """Runs an adoption of `old` into the group's first member."""

    group: Group
    folder: Path
    ca: str
    ssl_mode: str = adoption.VERIFY_CA
    user: str = "mover"
    password: str = "adopt-s3cret"

    def __post_init__(self) -> None:
        for name, file, text in (
            ("agent", "agent.pyz", bundle.build().content),
            ("source", "password", PASSWORD.encode()),
            ("target", "password", self.password.encode()),
            ("source-ca", "ca.crt", self.ca.encode()),
        ):
            (self.folder / name).mkdir()
            (self.folder / name / file).write_bytes(text)

    def run(self, *steps: str, databases: Sequence[str] = (), named: Sequence[str] = (), **given: Any) -> Done:
        """Those steps of one Job (default: all), until one fails; `job` is its identity, `finish` as in a request."""
        job, keep = given.pop("job", secrets.token_hex(4)), given.pop("keep", False)
        if not keep:
            shutil.rmtree(self.folder / "work", ignore_errors=True)
            (self.folder / "work").mkdir()
            shutil.chown(self.folder / "work", 999, 999)
            self.admit()
        done = Done(0, "")
        for container in self._containers(adopt.job, databases=databases, accounts=named, **given):
            if done.code == 0 and (not steps or container["name"] in steps):
                done = self._run(container, job)
        return done

    def admit(self) -> None:
        """Make the account that the Job has in the cluster; it drops it at its end."""
        with self.group.members[0].server() as server:
            accounts.create_temporary(server, names.USER_ADOPT, self.password, 600)

    def give_back(self) -> Done:
        """What --abort runs; without the account it first waits a minute for it."""
        (container,) = self._containers(adopt.release)
        return self._run(container, secrets.token_hex(4))

    def _containers(self, make: Callable[..., dict[str, Any]], **given: Any) -> list[dict[str, Any]]:
        ca = adopt.Key("ca", "ca.crt") if self.ssl_mode in adoption.VERIFYING else None
        source = adopt.Source("old.db.svc", 3306, self.user, adopt.Key("old", "password"), self.ssl_mode, ca)
        spec = ClusterSpec(name="mysql", namespace="db", image=image(), agent_image=_agent_image())
        request = adopt.Request(source, **given)
        pod = make(manifests.load_one("adopt/job.yaml"), spec, "agent", request, seconds=600)["spec"]["template"][
            "spec"
        ]
        return [*pod["initContainers"], *pod["containers"]]

    def report(self, *steps: str, **given: Any) -> adopt.Report:
        """Of a Job that must succeed."""
        done = self.run(*steps, **given)
        assert done.code == 0, done.log
        found = adopt.read_report(done.log)
        assert found is not None, done.log
        return found

    def _run(self, container: dict[str, Any], job: str) -> Done:
        folders = {name: self.folder / name for name in ("agent", "source", "target", "source-ca", "work")}
        folders["tls"] = self.group.folder / "tls"
        kinds = {True: ":ro", None: ""}
        mounts = [
            f"{folders[one['name']]}:{one['mountPath']}{kinds[one.get('readOnly')]}"
            for one in container["volumeMounts"]
        ]
        values = {one["name"]: one.get("value", job).replace("$$", "$") for one in container["env"]}
        values["TARGET_HOST"] = self.group.members[0].host
        name = f"{self.group.prefix}-{container['name']}"
        docker(
            *("create", "--name", name, "--network", self.group.prefix, "--user", "999:999", "--read-only"),
            *(word for one in mounts for word in ("-v", one)),
            *(word for key, value in values.items() for word in ("-e", f"{key}={value}")),
            *("--entrypoint", "", container["image"], *container["command"]),
        )
        docker("start", name)
        code = int(docker("wait", name, seconds=180))
        log = docker("logs", name) + "\n" + _errors(name)
        docker("rm", "-f", name)
        return Done(code, log)


def _errors(name: str) -> str:
    return subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=True).stderr


def _agent_image() -> str:
    return os.environ.get("MYSQLOPS_AGENT_IMAGE", "python:3.13-slim")
