"""A bulk load of twice the members' memory ends no member."""

from __future__ import annotations

import pytest

from tests.cluster import data
from tests.cluster.conftest import Namespace, eventually

MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]


@pytest.mark.long
def test_no_member_of_1gi_is_killed_for_memory_by_2_gb_without_a_pause(namespace: Namespace) -> None:
    """More than twice the memory, in transactions of 8 MB: it had all three killed within seconds of each other."""
    namespace.must("deploy", "mysql", "--storage-size", "8Gi", "--memory", "1Gi", "--cpu", "100m")
    primary = namespace.status()["primary"]
    data.fill(namespace, primary, 2048)
    last = "SELECT MAX(id) FROM app.t"
    ((written,),) = namespace.sql(primary, last)
    assert written > 2_000_000
    eventually(
        lambda: all(namespace.sql(member, last) == [[written]] for member in MEMBERS), "all members have all rows"
    )
    assert {member["restarts"] for member in namespace.status()["members"]} == {0}
