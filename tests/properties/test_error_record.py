"""A pod may print anything."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mysqlops.core import error_record


@settings(max_examples=20)
@given(st.recursive(st.none() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_whatever_a_pod_prints_is_an_error_or_none(value: Any) -> None:
    for record in (
        json.dumps({"mysqlops-error": 1, "code": "refused", "message": "m", "reasons": value}),
        json.dumps({"mysqlops-error": value, "code": value, "message": value, "hint": value}),
        f'{{"mysqlops-error"{value}',
    ):
        error_record.load(f"{record}\nlast line", 3)
