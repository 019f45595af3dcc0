"""Named time zones: the tables that CONVERT_TZ and `SET time_zone` look them up in, filled before a member joins.

Each member loads them for itself, outside the binary log: its own transactions would be errant. What a user has loaded
stays. A pseudo zone names the version, so that a newer release replaces an older one's.
https://dev.mysql.com/doc/refman/9.7/en/time-zone-support.html
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from mysqlops import errors
from mysqlops.core import zones as facts
from mysqlops.mysql import connect

MARK = "mysqlops/"
_TABLES = ("time_zone", "time_zone_name", "time_zone_transition", "time_zone_transition_type")
_ROWS = 2000  # in one statement, of 30 bytes each
_NAMES = "SELECT name FROM mysql.time_zone_name ORDER BY name LIMIT 5000"
_EVENTS = "SELECT @@global.event_scheduler = 'ON' AND EXISTS (SELECT 1 FROM information_schema.events)"
_DAYS = ("01-15", "04-03", "07-15", "10-29")
_MOMENTS = [f"{year}-{day} 12:00:00" for year in (1975, 1990, 2005, 2020, 2025, 2036) for day in _DAYS]
_TIMES = ", ".join(f"CONVERT_TZ('{moment}', '+00:00', n)" for moment in _MOMENTS)
_PART = 100  # names in one query


def provide(server: connect.Server, packed: str) -> bool:
    """Fill the tables of a server outside any group; False if they were filled already. One transaction: whoever is
    killed in between leaves nothing. Raises MysqlError."""
    version, zones = facts.unpacked(packed)
    if held(server) in (facts.OWN, version):
        return False
    zones.append([[f"{MARK}{version}"], [[0, 0, "UTC"]], [], []])
    end = ["ROLLBACK", "SET GLOBAL super_read_only = ON", "SET SESSION sql_log_bin = ON"]
    server.query("SET SESSION sql_log_bin = OFF")
    # read_only and offline_mode stay on: no client gets in. An event of an administrator's would, under a GTID of this
    # server's own. Who is killed meanwhile leaves the scheduler off until mysqld starts again; `config diff` shows it.
    if server.scalar(_EVENTS):
        server.query("SET GLOBAL event_scheduler = OFF")
        end.append("SET GLOBAL event_scheduler = ON")
    try:
        server.query("SET GLOBAL super_read_only = OFF")
        server.query("START TRANSACTION")
        for table in _TABLES:
            server.query(f"DELETE FROM mysql.{table}")  # noqa: S608 - our own names
        for table, rows in zip(_TABLES, _rows(zones), strict=True):
            while values := ", ".join(map(_literal, itertools.islice(rows, _ROWS))):
                server.query(f"INSERT INTO mysql.{table} VALUES {values}")  # noqa: S608 - our own rows
        server.query("COMMIT")
    finally:
        for statement in end:
            server.query(statement)
    return True


def held(server: connect.Server) -> str:
    """Whose zones it holds, as core/zones.py names them; raises MysqlError."""
    asked = "SELECT MAX(name), MAX(IF(name LIKE %s, name, '')) FROM mysql.time_zone_name"
    last, mark = server.query(asked, [f"{MARK}%"])[0]
    return "" if last is None else facts.holder(str(mark or "").removeprefix(MARK))


def different(source: connect.Server, target: connect.Server) -> list[str]:
    """The zones of another server that this one does not know, or whose time differs (at some two dozen
    moments). Not those with leap seconds, nor if the source does not show its names."""
    try:
        named = [str(name) for (name,) in source.query(_NAMES) if not str(name).startswith(("right/", MARK))]
    except errors.StatementFailed:
        return []
    found = []
    for start in range(0, len(named), _PART):
        part = named[start : start + _PART]
        theirs, ours = _times(source, part), _times(target, part)
        found += [name for name, their, our in zip(part, theirs, ours, strict=True) if their != our]
    return found


def _times(server: connect.Server, names: Sequence[str]) -> list[connect.Row]:
    listed = " UNION ALL ".join(["SELECT %s AS n"] * len(names))
    return server.query(f"SELECT {_TIMES} FROM ({listed}) AS zones", names)  # noqa: S608 - placeholders only


def _rows(zones: Sequence[Any]) -> tuple[Iterator[Sequence[Any]], ...]:
    """The rows of each table, one after the other: an agent would keep the memory of all at once, 2 MiB. scripts/zones
    describes what a zone is here."""
    numbered = list(enumerate(zones, 1))
    return (
        ((number, "N") for number, _ in numbered),
        ((name, number) for number, (named, *_) in numbered for name in named),
        (
            (number, at, kind)
            for number, (_, _, steps, leads_to) in numbered
            for at, kind in zip(itertools.accumulate(steps), leads_to, strict=True)
        ),
        ((number, index, *kind) for number, (_, kinds, *_) in numbered for index, kind in enumerate(kinds)),
    )


def _literal(row: Sequence[Any]) -> str:
    return f"({', '.join(map(repr, row))})"  # numbers, and names of plain letters, which mysqlops brings
