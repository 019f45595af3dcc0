"""MySQL server versions as servers report them. series.py says which of them this tool manages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mysqlops.errors import ConfigError

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_MYSQLD = re.compile(r"\bmysqld\b.*\bVer (\d+\.\d+\.\d+)(\S*)", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class ServerVersion:
    """A version as `SELECT VERSION()` reports it, without the build suffix."""

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


def find(text: str) -> ServerVersion | None:
    """The version at the beginning of a text, or None. The text is untrusted and may be of any length."""
    return ServerVersion.parse(text[:40]) if _VERSION.match(text[:40]) else None


def is_same(left: str | None, right: str | None) -> bool:
    """Whether two servers report the same version; builds may differ. Unknown versions differ."""
    found = find(left or "")
    return found is not None and found == find(right or "")


def parse_mysqld_output(output: str) -> ServerVersion | None:
    """The version from `mysqld --version`; None if the server is not MySQL (MariaDB names itself)."""
    match = _MYSQLD.search(output)
    if not match or "mariadb" in output.lower():
        return None
    return ServerVersion.parse(match[1])
