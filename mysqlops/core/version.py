"""MySQL server versions, and which of them this tool manages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mysqlops.errors import ConfigError

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_MYSQLD = re.compile(r"\bmysqld\b.*\bVer (\d+\.\d+\.\d+)(\S*)", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class ServerVersion:
    """A version as `SELECT VERSION()` tells it, without the build suffix."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> ServerVersion:
        match = _VERSION.match(text)
        if not match:
            raise ConfigError(f"{text!r} is not a MySQL version such as 8.4.8")
        return cls(int(match[1]), int(match[2]), int(match[3]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


# 8.0.27 brought the MYSQL communication stack, without which members on other nodes are refused
# (lab-prototype); 8.0.29 corrupts tables after instant ADD COLUMN and was withdrawn by its makers.
_OLDEST = ServerVersion(8, 0, 27)
_WITHDRAWN = {ServerVersion(8, 0, 29)}
_SERIES = {(8, 0), (8, 4), *((9, minor) for minor in range(8))}


def parse_mysqld_output(output: str) -> ServerVersion | None:
    """The version out of `mysqld --version`; None if it is not MySQL's (MariaDB says so itself)."""
    match = _MYSQLD.search(output)
    if not match or "mariadb" in output.lower():
        return None
    return ServerVersion.parse(match[1])


def unsupported_because(version: ServerVersion) -> str | None:
    """Why this tool refuses to run a version, or None."""
    if version in _WITHDRAWN:
        return f"MySQL {version} was withdrawn by its makers because it corrupts data"
    if version < _OLDEST:
        return f"MySQL {version} lacks the MYSQL communication stack of Group Replication; needed: {_OLDEST} or later"
    if (version.major, version.minor) not in _SERIES:
        return f"MySQL {version} is not of a series this version of mysqlops was made for: 8.0, 8.4, 9.0 to 9.7"
    return None
