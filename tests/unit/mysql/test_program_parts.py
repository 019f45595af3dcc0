"""Which parts of a program come back as other text; tests/database/test_program_parts.py has a real server say so."""

from __future__ import annotations

from typing import Any, cast

import pytest

from mysqlops.mysql import connect, program_parts


class _Server:
    """Rows by the view that they come from."""

    def __init__(self, **rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return next((rows for view, rows in self._rows.items() if f"information_schema.{view} " in sql), [])


def _garbled(database: str = "", **rows: list[tuple[Any, ...]]) -> list[str]:
    return program_parts.garbled(cast("connect.Server", _Server(**rows)), database)


def _said(program: str, part: str, charset: str = "latin1") -> str:
    return f"{program}: its {part} {program_parts.GARBLED} {charset}"


def test_each_part_beyond_ascii_is_named() -> None:
    found = _garbled(
        routines=[("function", "shop", "f`", "latin1", "jörg@%", "für", "enum('ä')")],
        triggers=[("trigger", "shop", "t", "gbk", "你@%")],
        events=[("event", "shop", "e", "latin1", "root@%", "für")],
    )
    function = [_said("function `shop`.`f```", part) for part in ("definer", "comment", "result type")]
    assert found == [*function, _said("trigger `shop`.`t`", "definer", "gbk"), _said("event `shop`.`e`", "comment")]


@pytest.mark.parametrize(
    "row",
    [
        ("procedure", "shop", "für", "latin1", "root@%", "plain", None),  # its name is judged with the head
        ("procedure", "shop", "p", "utf8mb4", "jörg@%", "für", None),
        ("procedure", "shop", "p", "utf8mb3", "jörg@%", "für", None),
        ("procedure", "sys", "p", "latin1", "jörg@%", "für", None),
    ],
)
def test_what_a_load_reads_as_it_was_is_not(row: tuple[Any, ...]) -> None:
    assert _garbled(routines=[row]) == []


def test_one_database_may_be_asked_about() -> None:
    rows = [("procedure", name, "p", "latin1", "root@%", "für", None) for name in ("shop", "app")]
    assert _garbled("app", routines=rows) == [_said("procedure `app`.`p`", "comment")]
