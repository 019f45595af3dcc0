"""Numbers of things as people read them."""

from __future__ import annotations

import pytest

from mysqlops.core import counting


@pytest.mark.parametrize(("number", "text"), [(0, "0 tables"), (1, "1 table"), (3, "3 tables")])
def test_one_thing_is_singular(number: int, text: str) -> None:
    assert counting.of(number, "table") == text
