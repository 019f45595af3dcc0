"""MySQL server versions, and which of them this tool manages."""

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
    return None not in (left, right) and ServerVersion.parse(str(left)) == ServerVersion.parse(str(right))


# 8.0.27 introduced the MYSQL communication stack, without which members on other nodes are refused
# (lab-prototype); 8.0.29 corrupts tables after instant ADD COLUMN and was withdrawn by its vendor.
_OLDEST = ServerVersion(8, 0, 27)
_WITHDRAWN = {ServerVersion(8, 0, 29)}
_SERIES = {(8, 0), (8, 4), *((9, minor) for minor in range(8))}


def parse_mysqld_output(output: str) -> ServerVersion | None:
    """The version from `mysqld --version`; None if the server is not MySQL (MariaDB names itself)."""
    match = _MYSQLD.search(output)
    if not match or "mariadb" in output.lower():
        return None
    return ServerVersion.parse(match[1])


def unsupported_because(version: ServerVersion) -> str | None:
    """Why this tool refuses to run a version, or None."""
    if version in _WITHDRAWN:
        return f"MySQL {version} was withdrawn by its vendor because it corrupts data"
    if version < _OLDEST:
        return f"MySQL {version} lacks the MYSQL communication stack of Group Replication; needed: {_OLDEST} or later"
    if (version.major, version.minor) not in _SERIES:
        return f"MySQL {version} is not of a series that this mysqlops supports: 8.0, 8.4, 9.0 to 9.7"
    return None


_LTS = {(8, 0), (8, 4), (9, 7)}


def upgrade_refused_because(before: ServerVersion, after: ServerVersion) -> str | None:
    """Why a server of the other version may not open a data directory of this one, or None.

    https://dev.mysql.com/doc/refman/9.7/en/upgrade-paths.html: within a series, from an LTS series to the next, and
    from an innovation release up to the next LTS series.
    """
    if after < before:
        return f"{after} is older than {before}: MySQL cannot downgrade a data directory"
    if (before.major, before.minor) == (8, 0) and (after.major, after.minor) > (8, 4):
        return f"the upgrade from {before} to {after} must go through 8.4"
    return None


def is_innovation(version: ServerVersion) -> bool:
    """Whether the vendor supports it only until the next release."""
    return (version.major, version.minor) not in _LTS


# https://dev.mysql.com/doc/relnotes/mysql/9.0/en/news-9-0-0.html and .../8.4/en/news-8-4-0.html
_REMOVED_PLUGINS = {
    "mysql_native_password": ServerVersion(9, 0, 0),
    "authentication_fido": ServerVersion(8, 4, 0),
}


def lacks_plugin(version: ServerVersion, plugin: str) -> bool:
    """True if that version no longer has this authentication plugin."""
    return plugin in _REMOVED_PLUGINS and version >= _REMOVED_PLUGINS[plugin]
