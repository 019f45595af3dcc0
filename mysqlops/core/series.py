"""The release series of MySQL: the one list of what the vendor supports, which server may open whose data, whose data
an empty server may clone, and what changed when. Everything else asks here; docs/reference/versions.md is made of it.

MySQL left sequential versions after 9.7. A data directory goes forward within a lineage, which begins with a long-term
series, up to the next long-term series; no step skips one of these.
https://dev.mysql.com/doc/refman/26.10/en/upgrade-paths.html and .../26.7/en/mysql-releases.html
https://dev.mysql.com/doc/refman/26.10/en/clone-plugin-limitations.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mysqlops.core.version import ServerVersion

LTS, BUGFIX, INNOVATION = "LTS", "bugfix", "innovation"


@dataclass(frozen=True)
class Series:
    """`anchor` names the long-term series with which its lineage begins. Dates are ISO 8601; without `released` the
    vendor has only announced it; `ends` is the end of all support, for an innovation series the release that follows.
    An empty server of the series `clones_to` may clone a donor of this one."""

    name: str
    kind: str
    anchor: str
    released: str = ""
    ends: str = ""
    clones_to: str = ""
    proven_with: str = ""

    def is_long_term(self) -> bool:
        return self.kind != INNOVATION


# 8.0 was never called LTS: features and formats changed within it, so that no patch is taken back.
TABLE = (
    Series("8.0", BUGFIX, "8.0", "2018-04", "2026-04-30"),
    Series(
        "8.4",
        LTS,
        "8.4",
        "2024-04",
        "2032-04-30",
        proven_with="8.4.8 built from source, by hand, once: deploy, upgrade to 9.7.4, and its rollback",
    ),
    *(
        Series(f"9.{minor}", INNOVATION, "8.4", released)
        for minor, released in enumerate(
            ("2024-07", "2024-10", "2025-01", "2025-04", "2025-07", "2025-10", "2026-01")  # 9.0 to 9.6
        )
    ),
    Series(
        "9.7",
        LTS,
        "9.7",
        "2026-04",
        "2034-04-30",
        clones_to="28.4",
        proven_with="9.7.4 of Debian: the default tests daily, the long ones now and then; "
        "an upgrade within the series only to an imitated 9.7.97",
    ),
    Series("26.7", INNOVATION, "9.7", "2026-07"),
    Series("26.10", INNOVATION, "9.7", "2026-10"),
    Series("28.4", LTS, "28.4"),
)
_BY_NAME = {series.name: series for series in TABLE}
_LONG_TERM = [series.name for series in TABLE if series.is_long_term()]
_FIRST_CALENDAR = (26, 7)

# With the MYSQL communication stack (8.0.27), without which members on other nodes are refused, and
# group_replication_set_as_primary() with a second argument (8.0.29, withdrawn).
OLDEST = ServerVersion(8, 0, 30)
OLDEST_SOURCE = ServerVersion(5, 7, 0)  # of what `adopt` copies
_MANY_TABLES = "it may not restart with 8001 tables or more"
WITHDRAWN: Mapping[ServerVersion, str] = {
    ServerVersion(8, 0, 29): "it corrupts tables after ALTER TABLE … ADD COLUMN",
    ServerVersion(8, 0, 38): _MANY_TABLES,
    ServerVersion(8, 4, 1): _MANY_TABLES,
    ServerVersion(9, 0, 0): _MANY_TABLES,
}

# Since when a server has what it is asked for.
RESET_BINARY_LOGS = ServerVersion(8, 2, 0)  # the statement that was RESET MASTER
CLONE_ACROSS_PATCHES = ServerVersion(8, 0, 37)

NATIVE = "mysql_native_password"


@dataclass(frozen=True)
class Plugin:
    """An authentication plugin: since when it is off unless `--PLUGIN=ON` is set, and since when it does not exist."""

    name: str
    off: ServerVersion
    gone: ServerVersion


# https://dev.mysql.com/doc/relnotes/mysql/9.0/en/news-9-0-0.html and .../8.4/en/news-8-4-0.html
PLUGINS = (
    Plugin(NATIVE, ServerVersion(8, 4, 0), ServerVersion(9, 0, 0)),
    Plugin("authentication_fido", ServerVersion(8, 4, 0), ServerVersion(8, 4, 0)),
)


def key_of(version: ServerVersion) -> tuple[int, int]:
    return version.major, version.minor


def of(version: ServerVersion) -> Series | None:
    """The series of a version; an assumed one for a calendar version that is not in the table: an innovation series of
    the lineage that has begun by then. None if the vendor has no such series, or it is not supported."""
    known = _BY_NAME.get(_name(version))
    if known is not None or not _is_calendar(version):
        return known
    return Series(_name(version), INNOVATION, _anchor_at(version))


def unsupported_because(version: ServerVersion) -> str | None:
    """Why this tool refuses to run a version, or None."""
    if version in WITHDRAWN:
        return f"MySQL {version} was withdrawn by its vendor: {WITHDRAWN[version]}"
    if version < OLDEST:
        return f"MySQL {version} cannot switch over as a group must: {OLDEST} or later is needed"
    if of(version) is None:
        return f"MySQL {version} is not of a series that this mysqlops supports: {supported()}"
    return None


def supported() -> str:
    """The supported series in words."""
    of_nine = [series.name for series in TABLE if series.name.startswith("9.")]
    return f"8.0 from {OLDEST} on, 8.4, {of_nine[0]} to {of_nine[-1]}, {'.'.join(map(str, _FIRST_CALENDAR))} and later"


def warnings(version: ServerVersion, today: str) -> list[str]:
    """What to know before a version is used; `today` in ISO 8601."""
    if (ended := ended_because(version, today)) is not None:
        return [ended]
    series = of(version)
    if series is None:
        return []
    found = []
    if not series.released:
        found.append(
            f"MySQL {version} is newer than this mysqlops, which takes it for {series.kind} after {series.anchor}"
        )
    if series.kind == INNOVATION:
        found.append(f"{version} is an innovation release: supported only until the next one")
    return found


def ended_because(version: ServerVersion, today: str) -> str | None:
    """Why the vendor fixes nothing more in that series, or None."""
    series = of(version)
    if series is None:
        return None
    if series.ends and series.ends < today:
        return f"MySQL {series.name} reached its end of life on {series.ends}: no fault in it is fixed any more"
    later = [series.name for series in TABLE if "" < series.released <= today and _key(series.name) > key_of(version)]
    if series.kind == INNOVATION and later:
        return f"MySQL {series.name} is an innovation series that {later[0]} replaced: no fault in it is fixed any more"
    return None


def upgrade_refused_because(before: ServerVersion, after: ServerVersion) -> str | None:
    """Why a server of the other version may not open a data directory of this one, or None."""
    old, new = of(before), of(after)
    if after == before or old is None or new is None:
        return None if after >= before else _older(before, after)
    if old.name == new.name:
        return None if after > before or old.kind == LTS else _older(before, after)
    if key_of(after) < key_of(before):
        return _older(before, after)
    through = _between(old, new)
    return f"the upgrade from {before} to {after} must go through {', then '.join(through)}" if through else None


def _older(before: ServerVersion, after: ServerVersion) -> str:
    return f"{after} is older than {before}: MySQL cannot downgrade that data directory"


def may_take_back(before: ServerVersion, after: ServerVersion) -> bool:
    """Whether the previous server may open what the newer one has written: only between patches of an LTS series."""
    return upgrade_refused_because(after, before) is None


def may_clone(donor: ServerVersion | None, recipient: ServerVersion | None) -> bool:
    """Whether an empty server of the second version may clone one of the first."""
    if donor is None or recipient is None:
        return False
    old, new = of(donor), of(recipient)
    if donor == recipient or old is None or new is None:
        return donor == recipient
    if old.name == new.name:
        return min(donor, recipient) >= CLONE_ACROSS_PATCHES
    return old.clones_to == new.name


def successor(version: ServerVersion) -> str:
    """The series to move to from a version that gets no more fixes: the next long-term one, if it is released."""
    released = [series for series in TABLE if series.released]
    later = [series.name for series in released if series.is_long_term() and _key(series.name) > key_of(version)]
    if version in WITHDRAWN and not _of_innovation(version):
        return _name(version)
    return later[0] if later else released[-1].name


def _of_innovation(version: ServerVersion) -> bool:
    series = of(version)
    return series is None or not series.is_long_term()


def plugin(name: str, version: ServerVersion) -> str:
    """`gone` or `off` if that version has this authentication plugin no more, or only if asked; else empty."""
    found = next((known for known in PLUGINS if known.name == name), None)
    if found is None or version < found.off:
        return ""
    return "gone" if version >= found.gone else "off"


def _between(old: Series, new: Series) -> list[str]:
    """The long-term series that no data directory may skip on the way from one series to a later one."""
    first, last = _LONG_TERM.index(old.anchor), _LONG_TERM.index(new.anchor)
    return _LONG_TERM[first + 1 : last] if new.is_long_term() else _LONG_TERM[first + 1 : last + 1]


def _name(version: ServerVersion) -> str:
    return f"{version.major}.{version.minor}"


def _key(name: str) -> tuple[int, int]:
    major, _, minor = name.partition(".")
    return int(major), int(minor)


def _is_calendar(version: ServerVersion) -> bool:
    return key_of(version) >= _FIRST_CALENDAR and version.major <= 99 and 1 <= version.minor <= 12


def _anchor_at(version: ServerVersion) -> str:
    return [name for name in _LONG_TERM if _key(name) <= key_of(version)][-1]
