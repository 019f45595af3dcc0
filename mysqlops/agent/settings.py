"""This member's identity, from the environment that the StatefulSet sets, and the paths of its files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mysqlops.core import names
from mysqlops.errors import ConfigError

CREDENTIALS = Path("/run/credentials")  # for the agent
STATEMENTS = Path("/run/statements")  # for prepare, which deletes them
TLS = Path("/run/tls")
RUN = Path("/run/mysqlops")
EXPORTER = Path("/run/exporter")  # exists only beside an exporter
VOLUME = Path("/var/lib/mysql")
MY_CNF = Path("/etc/mysqlops/my.cnf")
ZONES = Path("/etc/mysqlops/zones.txt")
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Settings:
    """One member's identity."""

    cluster: str
    namespace: str
    pod: str
    pod_uid: str

    @property
    def ordinal(self) -> int:
        return names.ordinal_of(self.pod)

    def host(self, ordinal: int) -> str:
        return names.member_host(self.cluster, ordinal, self.namespace)


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings; raises ConfigError naming the missing variable."""
    values = {}
    for field, variable in (
        ("cluster", "MYSQLOPS_CLUSTER"),
        ("namespace", "MYSQLOPS_NAMESPACE"),
        ("pod", "MYSQLOPS_POD"),
        ("pod_uid", "MYSQLOPS_POD_UID"),
    ):
        if not environment.get(variable):
            raise ConfigError(f"environment variable {variable} is not set; the StatefulSet of mysqlops sets it")
        values[field] = environment[variable]
    return Settings(**values)


def write(path: Path, text: str) -> None:
    """Write a whole file for this user only. It replaces a link instead of following it: mysqld's container can create
    one in RUN."""
    half = path.parent / f".{path.name}{os.urandom(8).hex()}"  # tempfile would cost each agent a megabyte
    number = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "w") as file:
        file.write(text)
    os.replace(half, path)


@contextlib.contextmanager
def work_folder(within: Path) -> Iterator[Path]:
    """A folder for this user only, which is deleted in the end."""
    import tempfile  # a megabyte, for what an agent does once a year

    with tempfile.TemporaryDirectory(dir=within) as folder:
        yield Path(folder)


def config_digest() -> str:
    """A hash of the mounted my.cnf; empty if it cannot be read."""
    from mysqlops.core import publication

    try:
        return publication.config_digest(MY_CNF.read_bytes())
    except OSError:
        return ""
