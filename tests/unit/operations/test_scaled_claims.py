"""Claims that a scaling leaves or deletes: what is known of them, for how long, and what it permits."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.core import names, ordered
from mysqlops.objects import claims
from mysqlops.operations import observe, orders, scale
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import GROUP, NAME, ONLINE, Cluster

DELETE = scale.Request(scale.DELETE)


def _note(cluster: Cluster, pod: str) -> dict[str, str]:
    claim = cluster.claim(pod)
    assert claim is not None
    return dict(claim["metadata"]["annotations"])


def _with_an_outsider(**facts: object) -> Cluster:
    """mysql-2 is outside the group."""
    cluster = Cluster(3)
    cluster.facts["mysql-2"] = {**ONLINE, "state": "OFFLINE", "role": "none", **facts}
    for pod in ("mysql-0", "mysql-1"):
        cluster.facts[pod]["online"] = 2
    return cluster


def test_what_a_member_only_received_is_noted_and_counts_before_its_claim_goes() -> None:
    cluster = _with_an_outsider(received=f"{GROUP}:6-20")
    with pytest.raises(errors.Refused, match=f"only mysql-2 holds {GROUP}:6-20"):
        scale.plan(cluster.session(), NAME, 1, DELETE)
    with pytest.raises(errors.StepFailed, match=f"claim data-mysql-2 is kept: only mysql-2 .* holds {GROUP}:6-20"):
        scale.execute(cluster.session(), NAME, 1, DELETE)
    assert _note(cluster, "mysql-2")[names.ANNOTATION_KEPT_EXECUTED] == f"{GROUP}:1-20"
    assert "data-mysql-2" not in cluster.lost


def test_a_note_on_a_kept_claim_ends_with_the_history_s_name() -> None:
    """A member that left may have acknowledged what the group went on without later."""
    cluster = Cluster(5)
    assert scale.execute(cluster.session(), NAME, 3, scale.Request()) == ["mysql-4", "mysql-3"]
    assert scale.plan(cluster.session(), NAME, 5, scale.Request())
    assert scale.plan(cluster.session(), NAME, 5, scale.Request(rebuild=True))
    cluster.rename("22222222-2222-2222-2222-222222222222")
    with pytest.raises(errors.Refused, match="has not been recorded since this history began"):
        scale.plan(cluster.session(), NAME, 5, scale.Request())
    with pytest.raises(errors.Refused) as error:
        scale.plan(cluster.session(), NAME, 5, scale.Request(rebuild=True))
    assert {one.code for one in error.value.reasons} == {"unknown-data"}
    assert scale.plan(cluster.session(), NAME, 5, scale.Request(rebuild=True, accept_loss=True))


def _left_out(cluster: Cluster, replicas: int) -> list[str]:
    """What a `deploy` after a `delete` would refuse for."""
    there = observe.unaccounted_claims(cluster.session().client, NAME, "data")
    return [one.message.split(" would ")[0] for one in claims.left_out(NAME, there, replicas)]


def test_a_member_that_did_not_go_is_not_accounted_for() -> None:
    """The run was killed after its note: the member serves on, and may be the last to acknowledge."""
    cluster = Cluster(3)
    cluster.store.kill_after = lambda text: "kept-since" in text
    with pytest.raises(Killed):
        scale.execute(cluster.session(), NAME, 1, scale.Request())
    cluster.store.kill_after = lambda _: False
    assert _left_out(cluster, 2) == ["data-mysql-2"]
    assert scale.execute(cluster.session(), NAME, 3, scale.Request()) == []
    assert _note(cluster, "mysql-2") == {}


@pytest.mark.parametrize("point", ["kept-since", '"replicas": 2', '"replicas": 1', 'mysqlops.io/kept": "true'])
def test_a_scaling_that_was_killed_anywhere_accounts_for_its_claims_when_it_is_run_again(point: str) -> None:
    cluster = Cluster(3)
    cluster.store.kill_after = lambda text: point in text
    with pytest.raises(Killed):
        scale.execute(cluster.session(), NAME, 1, scale.Request())
    cluster.store.kill_after = lambda _: False
    scale.execute(cluster.session(), NAME, 1, scale.Request())
    assert _left_out(cluster, 1) == []
    assert _note(cluster, "mysql-2")[names.ANNOTATION_KEPT_EXECUTED] == f"{GROUP}:1-5"
    scale.execute(cluster.session(), NAME, 1, DELETE)
    assert set(cluster.lost) == {"data-mysql-1", "data-mysql-2"}


@pytest.mark.parametrize("point", ['mysqlops.io/kept": null', '"replicas": 4'])
def test_a_kept_claim_that_is_used_again_is_not_accounted_for_any_more(point: str) -> None:
    cluster = Cluster(4)
    scale.execute(cluster.session(), NAME, 3, scale.Request())
    assert _left_out(cluster, 3) == []
    cluster.facts["mysql-3"] = {**ONLINE, "role": "replica", "online": 4}
    cluster.store.kill_after = lambda text: point in text
    with pytest.raises(Killed):
        scale.execute(cluster.session(), NAME, 4, scale.Request())
    cluster.store.kill_after = lambda _: False
    assert _left_out(cluster, 3) == ["data-mysql-3"]
    scale.execute(cluster.session(), NAME, 4, scale.Request())
    assert _note(cluster, "mysql-3") == {}


def test_orders_for_a_member_end_with_it() -> None:
    """A restore onto it was killed: whoever is added in its place would wait for that backup."""
    cluster = Cluster(3)
    session = cluster.session()
    orders.write(session.client, NAME, filling={"mysql-2": "b1"}, rebuilding={"mysql-2": {}, "mysql-1": {"uid": "c"}})
    scale.execute(session, NAME, 2, scale.Request())
    assert ordered.filling(cluster.notes()) == {}
    assert ordered.rebuilding(cluster.notes()) == {"mysql-1": ""}


def test_claims_of_members_that_went_long_ago_are_shown_before_they_go_and_named_afterwards() -> None:
    cluster = Cluster(5)
    scale.execute(cluster.session(), NAME, 3, scale.Request())
    steps = [step.name for step in scale.plan(cluster.session(), NAME, 3, DELETE)]
    assert steps == ["data-mysql-3", "data-mysql-4"]
    assert scale.claims_to_go(cluster.session(), NAME, 3) == steps
    assert scale.execute(cluster.session(), NAME, 3, DELETE) == [f"claim {name}" for name in steps]
