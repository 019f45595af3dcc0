"""A binary log with any byte changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core import relay_log
from mysqlops.errors import StorageError
from tests.unit.core.test_pitr import LOG


@given(st.integers(min_value=5, max_value=len(LOG) - 1), st.integers(min_value=1, max_value=255))
def test_a_damaged_log_is_never_taken_for_a_whole_one(byte: int, change: int) -> None:
    damaged = bytearray(LOG)
    damaged[byte] ^= change
    names = [one.gtid for one in relay_log.transactions(LOG, "log")]
    try:
        found = [one.gtid for one in relay_log.transactions(bytes(damaged), "log")]
    except StorageError:
        return
    assert found == names
