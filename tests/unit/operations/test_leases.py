"""A Lease that has the name of a cluster's is not the cluster's: it is refused by name, and never written over."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.drill import record
from mysqlops.drill.model import Record
from mysqlops.operations import data_version, deploy, lock, observe, orders, recover, timeline_notes, unproven
from mysqlops.operations.session import Session
from tests.unit.fakes.cluster import NAME
from tests.unit.fakes.jobs import Working

GROUP, LOCK = names.group_lease(NAME), names.operation_lease(NAME)
FOREIGN: tuple[Json | None, ...] = (None, {"app": "leader-election"}, names.selector("other"))


def _foreign(name: str, labels: Json | None) -> Working:
    cluster = Working()
    notes = {names.ANNOTATION_FENCED: json.dumps({"mysql-1": "theirs"}), names.ANNOTATION_VERSION: "99.0.0"}
    metadata = {"name": name, "uid": "theirs", "labels": labels, "annotations": notes}
    cluster.store.put({"kind": "Lease", "metadata": metadata, "spec": {"holderIdentity": "their controller"}})
    return cluster


def _lock(session: Session) -> None:
    with lock.held(session, NAME, "scale"):
        pass


ACTS: dict[str, Callable[[Session], object]] = {
    "read orders": lambda session: orders.read(session.client, NAME),
    "write orders": lambda session: orders.write(session.client, NAME, fenced={"mysql-1": "ours"}),
    "change orders": lambda session: orders.change(session.client, NAME, lambda _: {"fenced": {"mysql-1": "ours"}}),
    "withdraw a recovery": lambda session: recover.withdraw(session, NAME),
    "note a drill": lambda session: record.write(session, NAME, Record("restore", "s", "by")),
    "note a restore": lambda session: timeline_notes.write(session, NAME, {names.ANNOTATION_RESTORING: "x"}),
    "note settings": lambda session: unproven.noted(session, NAME),
    "read the version": lambda session: data_version.refused_because(session.client, NAME, None),
    "read the group": lambda session: observe.group_name(session.client, NAME),
    "create it": lambda session: deploy.make_lease(session, NAME),
}


@pytest.mark.parametrize("labels", FOREIGN)
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_the_groups_lease_is_ours_or_refused(act: Callable[[Session], object], labels: Json | None) -> None:
    cluster = _foreign(GROUP, labels)
    before, log = json.dumps(cluster.store.objects["Lease", GROUP]), len(cluster.store.log)
    with pytest.raises(errors.Refused, match=f"Lease {GROUP} exists and (was not created by|belongs to)") as caught:
        act(cluster.session(5.0))
    assert [one.code for one in caught.value.reasons] == ["foreign-object"]
    assert json.dumps(cluster.store.objects["Lease", GROUP]) == before
    assert cluster.store.log[log:] == []


@pytest.mark.parametrize("labels", FOREIGN)
def test_the_lock_is_ours_or_refused(labels: Json | None) -> None:
    cluster = _foreign(LOCK, labels)
    before = json.dumps(cluster.store.objects["Lease", LOCK])
    with pytest.raises(errors.Refused, match=f"Lease {LOCK} exists and"):
        _lock(cluster.session(5.0))
    assert json.dumps(cluster.store.objects["Lease", LOCK]) == before


def test_status_counts_it_as_missing_and_obeys_nothing_of_it() -> None:
    now = observe.judged(_foreign(GROUP, None).session(), NAME)
    assert "lease-missing" in {one.code for one in now.conditions}
    assert not any("theirs" in one.message for one in now.conditions)


def test_a_lease_that_was_replaced_between_the_look_and_the_write_stays() -> None:
    cluster = Working()
    session = cluster.session(5.0)
    get = session.client.get

    def get_then_replaced(kind: str, name: str) -> Json:
        found = get(kind, name)
        cluster.store.objects["Lease", GROUP]["metadata"]["uid"] = "another"
        return found

    session.client.get = get_then_replaced  # type: ignore[method-assign]
    with pytest.raises(errors.Conflict):
        orders.write(session.client, NAME, fenced={"mysql-1": "ours"})
    assert names.ANNOTATION_FENCED not in cluster.notes()
