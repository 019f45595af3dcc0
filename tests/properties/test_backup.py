"""No policy removes the backup that counts, whatever the history."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core import backup, retention
from tests.unit.operations.test_backup import LATER, NOW, made, proven

_LEVELS = st.sampled_from(["restored", "failed", "checksum"])


@given(
    st.lists(st.tuples(st.integers(0, 3000), _LEVELS), max_size=40, unique_by=lambda pair: pair[0]),
    st.builds(retention.Policy, *(st.integers(0, 5) for _ in retention.PERIODS)),
)
def test_no_policy_removes_the_newest_good_backup_or_the_last_restored_one(
    ages: list[tuple[int, str]], policy: retention.Policy
) -> None:
    plain = [(made(age, NOW - timedelta(hours=age)), level) for age, level in ages]
    there = [one if level == "checksum" else proven(one, ok=level == "restored") for one, level in plain]
    gone = {one.id for one in retention.expired(there, policy, LATER, has_key=False)}
    by_age = sorted(there, key=lambda one: one.at, reverse=True)
    good = [one.id for one in by_age if one.level != backup.FAILED]
    restored = [one.id for one in by_age if one.level == backup.RESTORED]
    assert not gone & {*good[:1], *restored[:1], *good[: policy.last]}
    if not policy:
        assert not gone
    days = {datetime.fromisoformat(one.at).date() for one in there if one.id in good}
    assert len(set(good) - gone) >= min(policy.daily, len(days))
