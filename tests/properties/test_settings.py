"""Any value of a setting, written and read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core import my_cnf


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60))
def test_what_is_written_is_what_is_read(value: str) -> None:
    text = f"[mysqld]\n{my_cnf.written('init_connect', value)}\n"
    assert my_cnf.parse(text, "x") == [my_cnf.Setting("init_connect", value, 2)]
