"""Times are written in one way, whatever zone they come in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mysqlops.core import instant

NOON = datetime(2026, 1, 1, 12, 0, 0, 25, tzinfo=UTC)


@pytest.mark.parametrize("at", [NOON, NOON.astimezone(timezone(timedelta(hours=5))), NOON.replace(tzinfo=None)])
def test_a_time_of_any_zone_is_written_in_utc(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Lima")
    assert instant.text(at) == "2026-01-01T12:00:00Z"
    assert instant.precise(at) == "2026-01-01T12:00:00.000025Z"
