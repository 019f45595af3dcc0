"""The order of `recover --accept-loss` on its way to the Lease: it is of one outage, and written over nobody's word."""

from __future__ import annotations

from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import group, names
from mysqlops.core.typed import Json
from mysqlops.operations import leases, recover
from tests.unit.fakes.cluster import NAME, Cluster

AT, LATER = "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:05.000000Z"
ORDER = group.GoOnWithout({"mysql-2": "u2"}, "another", AT)


def _lease(cluster: Cluster) -> Json:
    return cluster.store.objects["Lease", names.group_lease(NAME)]


def _in_an_outage(acquired: str = AT) -> Cluster:
    cluster = Cluster(3)
    _lease(cluster)["spec"]["acquireTime"] = acquired
    return cluster


def test_the_order_stands_in_the_lease_until_it_is_withdrawn() -> None:
    cluster = _in_an_outage()
    recover.execute(cluster.session(), NAME, ORDER, wait=False)
    assert group.order_of(cluster.notes(), AT) == ORDER
    recover.withdraw(cluster.session(), NAME)
    assert names.ANNOTATION_GIVEN_UP not in cluster.notes()


def test_an_order_of_an_outage_that_is_over_is_not_given() -> None:
    """The user typed the cluster's name a minute after the look that the order is based on."""
    cluster = _in_an_outage(LATER)
    with pytest.raises(errors.Refused) as caught:
        recover.execute(cluster.session(), NAME, ORDER, wait=False)
    assert [one.code for one in caught.value.reasons] == ["group-runs"]
    assert names.ANNOTATION_GIVEN_UP not in cluster.notes()


def test_an_order_is_not_written_over_what_a_member_has_written_since(monkeypatch: pytest.MonkeyPatch) -> None:
    """It forms the group at this moment, or another user gives another order."""
    cluster = _in_an_outage()
    write = leases.patch

    def after_a_member(*arguments: Any) -> None:
        lease = _lease(cluster)
        cluster.store.put({**lease, "spec": {"acquireTime": LATER, "holderIdentity": "mysql-0"}})
        write(*arguments)

    monkeypatch.setattr(leases, "patch", after_a_member)
    with pytest.raises(errors.Conflict):
        recover.execute(cluster.session(), NAME, ORDER, wait=False)
    assert names.ANNOTATION_GIVEN_UP not in cluster.notes()


def test_a_group_that_runs_with_those_members_is_reported() -> None:
    """They were back before anybody obeyed: nothing was lost, and nothing is claimed."""
    cluster = _in_an_outage()
    with pytest.raises(errors.StepFailed, match="the order was not needed") as caught:
        recover.execute(cluster.session(60.0), NAME, ORDER)
    assert "--withdraw" in str(caught.value.hint)
