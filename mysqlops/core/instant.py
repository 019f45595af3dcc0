"""Points in time as Kubernetes writes them and mysqlops records them: UTC, ISO 8601, with Z.

A time without a zone is UTC, as MySQL returns it: this machine's zone is nobody else's.
"""

from __future__ import annotations

from datetime import UTC, datetime

_LAST = 253_402_300_799  # of the year 9999


def text(at: datetime) -> str:
    """To the second, as in `metadata.creationTimestamp`."""
    return f"{_utc(at):%Y-%m-%dT%H:%M:%SZ}"


def precise(at: datetime) -> str:
    """To the microsecond, as in a Lease."""
    return f"{_utc(at):%Y-%m-%dT%H:%M:%S.%fZ}"


def read(text: str | None) -> datetime | None:
    """The ISO 8601 time with a time zone, in a year that leaves room to calculate with it; None for anything else. The
    API server stores years that Python does not know, such as 0 and 10000."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo is not None and 1970 <= at.year <= 9000 else None


def since_1970(seconds: int) -> datetime:
    """The moment that number of seconds after 1970; beyond the calendar, its first or last one."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST), UTC)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
