"""Any value, written and read."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from mysqlops.cli import yaml_text


@given(st.recursive(st.text() | st.integers() | st.booleans() | st.none(), lambda inner: st.lists(inner, max_size=3)))
def test_it_is_read_back_as_it_was(value: object) -> None:
    assert yaml.safe_load(yaml_text.dump([value])) == value
