"""Until when the vendor supports a series of MySQL. Pure; versions are those of core/version.py."""

from __future__ import annotations

from datetime import date

from mysqlops.core.version import ServerVersion

# Series -> the end of its extended support. https://www.oracle.com/us/support/library/lifetime-support-technology-069183.pdf
_LTS = {(8, 0): date(2026, 4, 30), (8, 4): date(2032, 4, 30), (9, 7): date(2034, 4, 30)}


def ended_because(version: ServerVersion, today: date) -> str | None:
    """Why this version gets no more fixes, or None. An innovation release ends with the next release."""
    series = (version.major, version.minor)
    if series in _LTS:
        return f"its support ended on {_LTS[series]}" if today > _LTS[series] else None
    newer = [one for one in _LTS if one > series]
    if newer:
        return f"it is an innovation release, and {'.'.join(map(str, min(newer)))} (LTS) has replaced it"
    return None
