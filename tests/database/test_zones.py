"""Named time zones on a real server: what it answers, against Python's own reading of the same data."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest

from mysqlops import errors
from mysqlops.core import zones as facts
from mysqlops.mysql import connect, zones
from tests.database.conftest import Database
from tests.database.files import CONFIG

_PACKED = (CONFIG / "zones.txt").read_text()
_STATE = "SELECT @@global.gtid_executed, @@global.super_read_only, @@global.read_only, @@session.sql_log_bin"
_COUNT = "SELECT COUNT(*) FROM mysql.time_zone_name"


@pytest.fixture
def server(database: Database) -> Iterator[connect.Server]:
    """One that refuses writes, as every member outside the group."""
    with database.connect() as opened:
        yield opened
        _write(opened, *(f"DELETE FROM mysql.{table}" for table in zones._TABLES))


def _write(server: connect.Server, *statements: str) -> None:
    for one in ("SET sql_log_bin = OFF", "SET GLOBAL super_read_only = OFF", *statements):
        server.query(one)
    for one in ("SET GLOBAL super_read_only = ON", "SET sql_log_bin = ON"):
        server.query(one)


def test_every_zone_tells_the_time_that_python_tells(server: connect.Server, database: Database) -> None:
    before = server.query(_STATE)
    assert server.scalar("SELECT CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Europe/Berlin')") is None
    assert zones.provide(server, _PACKED)
    assert server.query(_STATE) == before  # no transaction of its own, and read-only again
    assert not zones.provide(server, _PACKED)
    assert zones.held(server) == facts.unpacked(_PACKED)[0]
    names = (resources.files("tzdata") / "zones").read_text().split()
    assert server.scalar(_COUNT) == len(names) + 1
    dice = random.Random(27)  # noqa: S311 - instants, not secrets
    with database.connect() as asking:  # a session that has seen no zone yet
        for name in names:
            with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
                where = ZoneInfo.from_file(file)
            moments = [datetime(1970, 1, 2, tzinfo=UTC) + timedelta(hours=dice.randrange(595_000)) for _ in range(12)]
            asked = ", ".join(f"CONVERT_TZ('{at:%Y-%m-%d %H:%M:%S}', 'UTC', '{name}')" for at in moments)
            wanted = tuple(at.astimezone(where).replace(tzinfo=None) for at in moments)
            found = tuple(datetime.fromisoformat(str(one)) for one in asking.query(f"SELECT {asked}")[0])
            assert found == wanted, name
        asking.query("SET time_zone = 'America/New_York'")
        assert str(asking.scalar("SELECT FROM_UNIXTIME(2082000000)")) == "2035-12-23 00:20:00"


def test_who_is_killed_half_way_leaves_nothing(server: connect.Server, database: Database) -> None:
    with database.connect() as killed:
        number = killed.scalar("SELECT CONNECTION_ID()")

        class Cut(connect.Server):
            """The connection ends before the third table is filled."""

            def query(self, sql: str, parameters: object = ()) -> list[connect.Row]:
                if sql.startswith("INSERT INTO mysql.time_zone_transition "):
                    server.query(f"KILL {number}")
                return super().query(sql, parameters)  # type: ignore[arg-type]

        with pytest.raises(errors.ConnectFailed):
            zones.provide(Cut(killed._connection, "here"), _PACKED)
    assert server.scalar(_COUNT) == 0
    assert zones.provide(server, _PACKED)
    assert server.scalar("SELECT @@global.super_read_only") == 1


def test_no_event_commits_meanwhile(server: connect.Server, database: Database) -> None:
    """Its transaction would be one that no group knows: the member could not join."""
    _write(server, "CREATE DATABASE ticking", "CREATE TABLE ticking.t (id INT AUTO_INCREMENT PRIMARY KEY)")
    _write(server, "CREATE EVENT ticking.e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO ticking.t VALUES ()")
    before = server.query(_STATE)

    class Slow(connect.Server):
        def query(self, sql: str, parameters: object = ()) -> list[connect.Row]:
            if sql.startswith("DELETE FROM mysql.time_zone_name"):
                time.sleep(2.5)
            return super().query(sql, parameters)  # type: ignore[arg-type]

    try:
        with database.connect() as opened:
            assert zones.provide(Slow(opened._connection, "here"), _PACKED)
        assert server.query(_STATE) == before
        assert server.scalar("SELECT @@global.event_scheduler") == "ON"
    finally:
        _write(server, "DROP DATABASE ticking")


def test_a_newer_release_replaces_an_older_ones_and_never_a_users(server: connect.Server) -> None:
    zones.provide(server, _PACKED)
    _write(server, "UPDATE mysql.time_zone_name SET name = 'mysqlops/2020.1' WHERE name LIKE 'mysqlops/%'")
    assert zones.provide(server, _PACKED)
    _write(server, "DELETE FROM mysql.time_zone_name WHERE name LIKE 'mysqlops/%'")  # as if loaded by a user
    before = server.scalar(_COUNT)
    assert zones.held(server) == facts.OWN
    assert not zones.provide(server, _PACKED)
    assert server.scalar(_COUNT) == before


def test_zones_of_another_server_that_tell_another_time_are_named(server: connect.Server, database: Database) -> None:
    zones.provide(server, _PACKED)

    class Other(connect.Server):
        """A source with one zone more, and one that has other rules here."""

        def query(self, sql: str, parameters: object = ()) -> list[connect.Row]:
            if sql.startswith("SELECT name"):
                return [*super().query(sql), ("Mars/Olympus",), ("right/UTC",)]
            swapped = [{"Europe/Berlin": "Asia/Tokyo", "Mars/Olympus": "UTC"}.get(str(one), one) for one in parameters]  # type: ignore[attr-defined]
            return super().query(sql, swapped)

    with database.connect() as source, database.connect() as target:
        assert zones.different(source, target) == []
        assert zones.different(Other(source._connection, "there"), target) == ["Europe/Berlin", "Mars/Olympus"]
