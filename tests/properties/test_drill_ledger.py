"""The ledger's checker, on any mix of rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mysqlops.drill.ledger import checker, journal
from mysqlops.drill.model import Row
from tests.unit.drill.test_ledger import ROWS, TWO


@given(st.lists(st.sampled_from(ROWS), unique=True), st.lists(st.sampled_from(ROWS), unique=True))
def test_only_complete_members_are_clean(one: list[Row], other: list[Row]) -> None:
    verdict = checker.check(journal.parse(TWO), {"mysql-0": one, "mysql-1": other})
    assert verdict.is_clean() == (set(one) == set(other) == set(ROWS))
