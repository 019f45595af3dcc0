"""What is asked before members or claims are made: by the checks of `doctor`, and before anything is deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.operations import doctor, member, preflight, scale, storage
from mysqlops.operations.session import Session
from mysqlops.planning.checks import all as listed
from mysqlops.planning.checks.model import Coming
from tests.unit.fakes.api import Client
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.verbs import world

CHECKS = {one.name: one for one in doctor.checks()}
MAKES_CLAIMS: dict[str, Callable[[Session], object]] = {
    "scale": lambda session: scale.plan(session, NAME, 5, scale.Request()),
    "rebuild": lambda session: member.check_rebuild(session, NAME, "mysql-2", accept_loss=False),
    "resize": lambda session: storage.plan(session, NAME, "20Gi", by_rebuild=True),
}
Make = Callable[[], Cluster]
READY = {"spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Make:
    """Clusters as `deploy` makes them."""
    return lambda: world(monkeypatch, tmp_path)


def _without_class(cluster: Cluster, named: str | None) -> Cluster:
    """The class of the members' claims is gone, and the claim template names this one."""
    del cluster.store.objects["StorageClass", "fixed"]
    template = cluster.stateful_set()["spec"]["volumeClaimTemplates"][0]["spec"]
    template.pop("storageClassName", None)
    if named is not None:
        template["storageClassName"] = named
    return cluster


@pytest.mark.parametrize("verb", MAKES_CLAIMS)
@pytest.mark.parametrize(("named", "code"), [("fixed", "unknown-storage-class"), (None, "no-storage-class")])
def test_no_claim_is_deleted_or_made_whose_volume_nobody_would_make(
    make: Make, verb: str, named: str | None, code: str
) -> None:
    cluster = _without_class(make(), named)
    with pytest.raises(errors.Refused) as error:
        MAKES_CLAIMS[verb](cluster.session())
    assert [one.code for one in error.value.reasons] == [code]
    facts = doctor.observe_all(cluster.session(), NAME, (), [CHECKS["storage-class"]])
    (found, *_) = CHECKS["storage-class"].findings(facts)
    assert error.value.reasons[0].hint == found.fix, "doctor says the same"


@pytest.mark.parametrize("verb", MAKES_CLAIMS)
def test_a_class_that_exists_or_may_not_be_read_is_in_nobody_s_way(
    make: Make, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    MAKES_CLAIMS[verb](make().session())
    MAKES_CLAIMS[verb](_without_class(make(), "").session())  # somebody makes the volumes by hand
    cluster, lists = _without_class(make(), "fixed"), Client.list

    def forbid(client: Client, kind: str, selector: str = "") -> list[Json]:
        if kind in ("StorageClass", "Node"):
            raise errors.Forbidden(kind)
        return lists(client, kind, selector)

    monkeypatch.setattr(Client, "list", forbid)
    MAKES_CLAIMS[verb](cluster.session())


def test_members_that_come_back_to_their_claims_need_no_class() -> None:
    cluster = Cluster(5)
    scale.execute(cluster.session(), NAME, 3, scale.Request())
    del cluster.store.objects["StorageClass", "fixed"]
    assert scale.plan(cluster.session(), NAME, 5, scale.Request())
    with pytest.raises(errors.Refused, match="none is the default"):
        scale.plan(cluster.session(), NAME, 5, scale.Request(rebuild=True))


def test_more_members_than_nodes_are_warned_of_and_not_refused(make: Make) -> None:
    cluster = make()
    for number in range(4):
        cluster.store.put({"kind": "Node", "metadata": {"name": f"n{number}"}, **READY})
    cluster.store.put({"kind": "Node", "metadata": {"name": "full"}, **READY, "spec": {"unschedulable": True}})
    scale.plan(cluster.session(), NAME, 5, scale.Request())
    assert [text for text in cluster.said if "nodes" in text] == [
        "4 nodes can take pods, for 5 members: losing one node can stop several members"
    ]
    spec = ClusterSpec(name="other", namespace="db", replicas=5)
    found = preflight.of_new(cluster.session().client, spec)
    assert (found.reasons, len(found.warnings)) == ((), 1)


def test_what_is_asked_ahead_is_part_of_doctor_s_list() -> None:
    coming = Coming("new", 3, "gone", classes=(), nodes=(), is_new=True)
    asked = {check.name: reason.code for check, reason in listed.ahead(coming)}
    assert asked == {"storage-class": "unknown-storage-class", "spread": "too-few-nodes"}
    assert asked.keys() <= CHECKS.keys()
    unknown: dict[str, Any] = {"classes": None, "nodes": None}
    assert listed.ahead(Coming("new", 3, "gone", **unknown)) == []
