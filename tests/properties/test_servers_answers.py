"""What a server answers, which may be anybody's by now: whoever asks reads it as types, or gets one of our errors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.mysql import catching_up, connect, group_replication, receiver
from tests.properties.test_answers import EDGES
from tests.properties.test_hostile_text import TEXT
from tests.unit.clusters import GROUP

_SET = f"{GROUP}:1-5"
# By a part of the question, as a server answers it.
GOOD: Sequence[tuple[str, list[tuple[Any, ...]]]] = (
    ("@@version, @@global.gtid_executed", [("u", "9.7.4", _SET, 1, 1, 0, GROUP, 0)]),
    ("replication_group_members\nLEFT", [("u", "mysql-0.mysql.db.svc", "RECOVERING", "SECONDARY", Decimal(7), "7:1")]),
    ("received_transaction_set, channel_name", [(_SET, "group_replication_applier")]),
    ("last_error_message, CAST(", [("group_replication_applier", 1062, "no", "2026-01-01 00:00:00")]),
    ("MAX(last_error_number)", [(0,)]),
    ("\nSELECT MAX(last_applied", [(None,)]),
    ("count_transactions_remote_in_applier_queue FROM", [(5000, datetime(2026, 1, 1))]),
    ("c.source_uuid", [("u", 0, "", _SET, _SET, 0)]),
    ("last_error_number, last_error_message", [(1062, "no")]),
    ("@@group_replication_group_name", [("u", GROUP, _SET, "", _SET, 1)]),
    ("offline_mode", [("u", _SET, "", 0)]),
    ("UTC_TIMESTAMP", [(datetime(2026, 1, 1),)]),
    ("SELECT @@global.gtid_executed", [(_SET,)]),
)


class Server(connect.Server):
    """Answers well, but for one question, whose rows are `hostile`."""

    def __init__(self, turned: int = -1, hostile: Any = ()) -> None:
        self.where, self._turned, self._hostile = "mysql-1", turned, hostile

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        for number, (part, rows) in enumerate(GOOD):
            if part in sql:
                return list(self._hostile) if number == self._turned else rows
        return []


READERS: Sequence[Callable[[connect.Server], object]] = (
    group_replication.observe,
    receiver.source,
    receiver.now,
    receiver.applied_until,
    receiver.committed_until,
    catching_up.ask,
    catching_up.state,
    catching_up.executed,
)
_VALUES = EDGES | TEXT | st.sampled_from([None, b"\xff", Decimal("NaN"), datetime(1, 1, 1), _SET, 0, 1, -1])


def test_a_sum_of_counters_which_is_a_decimal_is_a_whole_number() -> None:
    """Such is a member's queue, on a real server: no member got into any group while it was refused."""
    found = group_replication.observe(Server()).behind
    assert (found, type(found)) == (7, int)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "0.5", "1E+999999999", "-1"])
def test_a_decimal_that_counts_nothing_is_no_whole_number(number: str) -> None:
    with pytest.raises(errors.ConnectFailed, match="expected a whole number"):
        group_replication.observe(Server(1, [("u", "h", "ONLINE", "PRIMARY", Decimal(number), "7:1")]))


@pytest.mark.parametrize("read", READERS, ids=lambda one: f"{one.__module__.rpartition('.')[2]}.{one.__name__}")
@given(st.integers(0, len(GOOD) - 1), st.lists(st.lists(_VALUES, min_size=1, max_size=9).map(tuple), max_size=3))
def test_no_row_ends_who_asks(read: Callable[[connect.Server], object], turned: int, hostile: list[Any]) -> None:
    assert read(Server()) is not None
    with contextlib.suppress(errors.MysqlError):
        read(Server(turned, hostile))


@given(st.integers(0, 8), _VALUES)
def test_one_value_of_another_type_ends_nobody(place: int, value: Any) -> None:
    for turned, (_, rows) in enumerate(GOOD):
        row = list(rows[0])
        row[place % len(row)] = value
        for read in READERS:
            with contextlib.suppress(errors.MysqlError):
                read(Server(turned, [tuple(row)]))
