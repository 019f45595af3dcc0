"""A claim that is being deleted under a live member goes as soon as the pod stops: it is seen, and it is no copy."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.core import group, gtid, instant, names, ordered, timeline
from mysqlops.operations import claims, delete, in_place, member, observe, rollout, scale, stop, storage
from mysqlops.planning import gate, status
from mysqlops.planning import rollout as rolling
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import GROUP, NAME, ONLINE, Cluster

GOING = "claim data-mysql-0 of mysql-0 is being deleted: it goes as soon as the pod stops"


def _killed_rebuild(replicas: int = 3, **held: str) -> Cluster:
    """A rebuild of mysql-0 was killed after it had deleted the claim, which the pod still uses."""
    cluster = Cluster(replicas, primary="mysql-1", **held)
    cluster.store.kill_after = lambda text: text.startswith("DELETE PersistentVolumeClaim data-mysql-0")
    with pytest.raises(Killed):
        member.rebuild(cluster.session(), NAME, "mysql-0", accept_loss=False)
    cluster.store.kill_after = lambda _: False
    return cluster


def _alone(cluster: Cluster) -> Cluster:
    """Somebody made its member the only one all the same."""
    cluster.stateful_set()["spec"]["replicas"] = 1
    cluster.facts = {"mysql-0": {**ONLINE, "role": "primary", "online": 1}}
    cluster.settle()
    return cluster


def _now(cluster: Cluster) -> status.Status:
    return observe.judged(cluster.session(), NAME)


def _refused_with(error: pytest.ExceptionInfo[errors.Refused]) -> set[str]:
    return {one.code for one in error.value.reasons}


def test_a_claim_that_goes_under_a_live_member_is_a_condition() -> None:
    now = _now(_killed_rebuild())
    assert [one.message for one in status.in_the_way(now)] == [GOING]
    assert status.in_the_way(now)[0].hint == "mysqlops member rebuild mysql mysql-0"
    assert status.in_the_way(_now(Cluster(3))) == []
    assert "--replicas 3 makes copies first" in status.in_the_way(_now(_alone(_killed_rebuild())))[0].hint


def test_the_claim_of_a_member_that_was_in_a_group_that_does_not_count_is_kept() -> None:
    """The others hold 1-5 too, but under 4 and 5 other transactions."""
    cluster = Cluster(3)
    note = group.Note(outcasts={"mysql-2": "uuid"}, shared={"mysql-2": f"{GROUP}:1-3"})
    lease = cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]
    lease.setdefault("annotations", {})[names.ANNOTATION_GROUP] = group.dump(note)
    cluster.facts["mysql-2"] = {**ONLINE, "state": "OFFLINE", "role": "none", "online": 0}
    cluster.facts["mysql-0"]["online"] = cluster.facts["mysql-1"]["online"] = 2
    cluster.settle()
    with pytest.raises(errors.Refused, match=f"holds {GROUP}:4-5") as error:
        member.check_rebuild(cluster.session(60.0), NAME, "mysql-2", accept_loss=False)
    assert _refused_with(error) == {"only-copy"}
    member.check_rebuild(cluster.session(), NAME, "mysql-2", accept_loss=True)


def test_nothing_that_stops_the_pod_and_keeps_its_data_begins() -> None:
    cluster = _killed_rebuild()
    for request in (scale.Request(), scale.Request(scale.DELETE, accept_loss=True)):
        with pytest.raises(errors.Refused) as error:
            scale.plan(cluster.session(), NAME, 1, request)
        assert _refused_with(error) == {"claim-going"}
    with pytest.raises(errors.WaitTimeout, match=GOING):
        scale.execute(cluster.session(20.0), NAME, 1, scale.Request())
    with pytest.raises(errors.Refused) as error:
        stop.stop(cluster.session(20.0), NAME)
    assert (_refused_with(error), cluster.fenced()) == ({"claim-going"}, {})
    with pytest.raises(errors.Refused) as error:
        delete.plan(cluster.session().client, NAME, purge_data=False)
    assert _refused_with(error) == {"claim-going"}
    delete.plan(cluster.session().client, NAME, purge_data=True)
    assert (cluster.lost, cluster.store.deleted("Pod")) == ({}, [])


def test_a_stop_asks_again_right_before_it_stops_the_members() -> None:
    """Making them equal takes a while, and its plan says nothing about a claim that somebody deletes meanwhile."""
    cluster = Cluster(3)

    def on_pod(pod: str) -> None:
        if cluster.fenced():
            cluster.facts[pod]["role"] = "none"
            cluster.store.objects["PersistentVolumeClaim", "data-mysql-0"]["metadata"]["deletionTimestamp"] = "now"

    cluster.on_pod = on_pod
    with pytest.raises(errors.Refused) as error:
        stop.stop(cluster.session(60.0), NAME)
    assert _refused_with(error) == {"claim-going"}
    assert "mysqlops start mysql lets clients in again" in str(error.value.reasons[0].hint)
    assert (cluster.stateful_set()["spec"]["replicas"], cluster.lost) == (3, {})


def test_a_restore_in_place_asks_right_before_it_stops_the_members() -> None:
    """Also one that goes on after it was killed: its plan asks nothing."""
    cluster = _killed_rebuild()
    new = timeline.Timeline("data-r20260101000000", "33333333-3333-3333-3333-333333333333")
    swap = timeline.Swap(timeline.Timeline("data", GROUP), new, 3)
    with pytest.raises(errors.Refused) as error:
        in_place.execute(cluster.session(20.0), NAME, swap, None)
    assert (_refused_with(error), cluster.stateful_set()["spec"]["replicas"]) == ({"claim-going"}, 3)


def test_the_last_member_s_claim_gets_copies() -> None:
    cluster = _alone(_killed_rebuild())

    def on_pod(name: str) -> None:
        cluster.write(name, cluster.held("mysql-0"))
        role = "primary" if name == "mysql-0" else "replica"
        cluster.facts[name] = {**ONLINE, "role": role, "online": cluster.stateful_set()["spec"]["replicas"]}

    cluster.on_pod = on_pod
    for name in ("mysql-1", "mysql-2"):
        del cluster.store.objects["PersistentVolumeClaim", f"data-{name}"]
    scale.plan(cluster.session(), NAME, 3, scale.Request())
    assert scale.execute(cluster.session(60.0), NAME, 3, scale.Request()) == ["mysql-1", "mysql-2"]
    assert cluster.lost == {}


def test_the_same_rebuild_finishes_it() -> None:
    cluster = _killed_rebuild()

    def turn() -> None:
        if not cluster.held("mysql-0"):
            cluster.write("mysql-0", f"{GROUP}:1-5")
            cluster.facts["mysql-0"] = {**ONLINE, "role": "replica", "online": 3}

    cluster.clock.turn = turn
    member.rebuild(cluster.session(60.0), NAME, "mysql-0", accept_loss=False)
    assert (cluster.lost, status.in_the_way(_now(cluster))) == ({"data-mysql-0": f"{GROUP}:1-5"}, [])


def test_a_claim_that_goes_is_no_copy_of_another() -> None:
    """What mysql-2 holds, beside it only mysql-0 holds."""
    more = gtid.GtidSet.parse(f"{GROUP}:1-7")
    cluster = _killed_rebuild(m0=f"{GROUP}:1-5", m1=f"{GROUP}:1-5")
    answers = {"mysql-0": more, "mysql-1": gtid.GtidSet.parse(f"{GROUP}:1-5")}
    going = gate.Going("data-mysql-2", "uid", "mysql-2", more)
    assert [one.code for one in gate.reasons(_now(cluster), going, answers)] == ["only-copy"]
    assert gate.reasons(_now(Cluster(3, primary="mysql-1")), going, answers) == []


def test_a_rollout_takes_the_pod_with_it_and_waits_for_nothing() -> None:
    """Also one that has nothing else to replace, or whose own run was killed."""
    cluster = _killed_rebuild()
    assert rolling.held_up_by(_now(cluster)) == []

    def turn() -> None:
        if not cluster.held("mysql-0"):
            cluster.write("mysql-0", f"{GROUP}:1-5")
            cluster.facts["mysql-0"] = {**ONLINE, "role": "replica", "online": 3}

    cluster.clock.turn = turn
    assert rollout.replace_all(cluster.session(60.0), NAME, lambda _: [], rollout.Limits(60)) == ["mysql-0"]
    assert cluster.lost == {"data-mysql-0": f"{GROUP}:1-5"}
    assert not ordered.rebuilding(cluster.notes()), "it serves: it need not copy any more"


def test_a_member_that_a_rollout_empties_copies_another_s_data() -> None:
    """As one that `member rebuild` empties: what it misses need not be in any binary log."""
    cluster, marked = Cluster(3), set()

    def turn() -> None:
        for name in ("mysql-1", "mysql-2"):
            if not cluster.held(name):
                marked.update({name} & ordered.rebuilding(cluster.notes()).keys())
                cluster.write(name, f"{GROUP}:1-5")
                cluster.facts[name] = {**ONLINE, "role": "replica", "online": 3}

    cluster.clock.turn = turn
    old = {name: cluster.data_uid(name) for name in ("mysql-1", "mysql-2")}
    rollout.replace_all(
        cluster.session(60.0),
        NAME,
        lambda _: [name for name, uid in old.items() if cluster.data_uid(name) == uid],
        rollout.Limits(60),
        rebuild=True,
    )
    assert (marked, ordered.rebuilding(cluster.notes())) == ({*old}, {})


def test_a_claim_that_has_the_place_of_the_one_that_was_asked_for_is_kept() -> None:
    """Somebody deleted that one meanwhile, and the member has copied the others' data onto a new one."""
    cluster = Cluster(3)
    passed = gate.Passed("data-mysql-2", "the one before", "mysql-2", 3, instant.text(cluster.clock.now()))
    with pytest.raises(errors.Conflict):
        claims.delete(cluster.session(), passed)
    claim = cluster.claim("mysql-2")
    assert claim is not None
    assert "deletionTimestamp" not in claim["metadata"]
    assert cluster.store.deleted("Pod") == []


def test_a_member_whose_server_restarts_is_asked_again() -> None:
    """It knocks without end: at one moment it cannot be asked, at the next it can."""
    cluster = Cluster(3)
    knocking = {**ONLINE, "state": "OFFLINE", "role": "none", "online": 0}
    cluster.facts["mysql-2"] = {**knocking, "state": "DOWN", "server_uuid": "", "executed": ""}
    calls = 0

    def turn() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            cluster.facts["mysql-2"] = knocking
        if not cluster.held("mysql-2"):
            cluster.write("mysql-2", f"{GROUP}:1-5")
            cluster.facts["mysql-2"] = {**ONLINE, "role": "replica", "online": 3}

    cluster.clock.turn = turn
    member.rebuild(cluster.session(60.0), NAME, "mysql-2", accept_loss=False)
    assert cluster.lost == {"data-mysql-2": f"{GROUP}:1-5"}


def test_a_member_that_never_says_what_it_holds_is_kept() -> None:
    cluster = Cluster(3)
    cluster.facts["mysql-2"] = {"state": "DOWN", "server_version": "", "role": "none", "online": 0, "executed": ""}
    with pytest.raises(errors.Refused) as error:
        member.rebuild(cluster.session(60.0), NAME, "mysql-2", accept_loss=False)
    assert (_refused_with(error), cluster.lost) == ({"unknown-data"}, {})


def test_a_resize_by_rebuild_that_was_killed_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _killed_rebuild()
    of_one_gibibyte = type("S", (), {"storage_size": "1Gi"})
    running = type("R", (), {"spec": of_one_gibibyte, "stateful_set": cluster.stateful_set()})
    monkeypatch.setattr(observe, "must_run", lambda *_: running)
    monkeypatch.setattr(storage, "_with_size", lambda *_: None)
    assert storage.plan(cluster.session(), NAME, "2Gi", by_rebuild=True).steps


def test_a_claim_that_is_going_is_asked_for_before_its_pod_is_replaced() -> None:
    """A rollout meets the claim of a rebuild that was killed: with the pod its data would go."""
    cluster = Cluster(3, m1=f"{GROUP}:1-7")
    claim = cluster.claim("mysql-1")
    assert claim is not None
    claim["metadata"]["deletionTimestamp"] = "now"
    with pytest.raises(errors.StepFailed, match="claim data-mysql-1 is kept: only mysql-1"):
        rollout.replace_all(cluster.session(), NAME, rollout.old_of_template, rollout.Limits())
    assert cluster.lost == {}
    assert cluster.store.deleted("Pod") == []
