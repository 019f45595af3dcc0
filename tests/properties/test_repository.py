"""Whatever others store in a repository, the backups that are kept are those of the cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mysqlops.core import backup, retention
from tests.unit.operations.test_backup import NOW, made
from tests.unit.operations.test_trust import KEYS, bound, stored

_KINDS = st.sampled_from(["forged", "stolen", "future"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 2000), max_size=12, unique=True),
    st.lists(st.tuples(st.integers(-3000, 2000), _KINDS), max_size=12),
    st.builds(retention.Policy, *(st.integers(0, 4) for _ in retention.PERIODS)),
)
def test_no_entry_of_others_pushes_a_real_backup_out(
    ages: list[int], others: list[tuple[int, str]], policy: retention.Policy
) -> None:
    real = [stored(made(n, NOW - timedelta(hours=age)), "the key", f"real{n}") for n, age in enumerate(ages)]
    evil = []
    for n, (age, kind) in enumerate(others):
        # Dated 23:59, of the same ids, with all transactions, proven: whatever they say.
        one = made(n, NOW - timedelta(hours=age), gtid="a471ad45-d50b-450d-9104-65c08b7c3c14:1-9999")
        key = {"forged": "", "stolen": "k", "future": "the key"}[kind]
        if kind == "future":
            one = replace(one, at=f"{NOW + timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}")
        evil += [stored(one, key, f"evil{n}"), stored(backup.Verification(one.id, one.at, ok=False, seconds=1))]
    alone = retention.expired(backup.catalogue(bound(*real), keys=KEYS), policy, NOW, has_key=True)
    # He stores other files under the tags of each real one too, and of what binds its files.
    tags = [{"id": f"evil-{one['id']}", "tags": one["tags"], "tree": "0" * 64} for one in bound(*real)]
    there = backup.catalogue([*bound(*real, *evil), *tags], keys=KEYS)
    both = retention.expired(there, policy, NOW, has_key=True)
    gone = {one.snapshot for one in both if one.snapshot.startswith("real")}
    assert gone == {one.snapshot for one in alone}
    forgotten = backup.snapshots_of([*real, *evil], both)
    assert {one for one in forgotten if one.startswith("real")} == gone
