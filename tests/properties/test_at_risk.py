"""What a number of members holds, of any sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core.gtid import GtidSet
from mysqlops.planning import at_risk
from tests.unit.clusters import GROUP


@given(st.lists(st.frozensets(st.integers(1, 12)), min_size=2, max_size=9), st.integers(1, 5))
def test_what_a_number_of_members_holds(held: list[frozenset[int]], least: int) -> None:
    sets = [GtidSet.parse(",".join(f"{GROUP}:{one}" for one in sorted(each))) for each in held]
    counted = sum(1 for one in range(1, 13) if sum(one in each for each in held) >= least)
    assert at_risk._held_by(sets, least).count() == counted
