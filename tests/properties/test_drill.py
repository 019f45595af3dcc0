"""A drill's draws, of any seed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mysqlops.drill.plan import choice


@given(st.integers(), st.integers(), st.text("ab-é \n\0"))
def test_draws_are_shares(seed: int, number: int, what: str) -> None:
    assert 0 <= choice.draw(seed, number, what) < 1
