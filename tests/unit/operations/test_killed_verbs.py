"""Verbs that were killed: what a run noted counts only with its identity, its age, and the evidence of what it did
(S4, S5)."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import group, names, ordered, secret_map, timeline
from mysqlops.core.spec import ClusterSpec
from mysqlops.operations import deploy, member, observe, orders, remake, restart, stop
from mysqlops.operations.session import Session
from mysqlops.planning import restart as restarting
from mysqlops.planning import status, storage
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import GROUP, NAME, ONLINE, Cluster

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _killed(cluster: Cluster, after: str, verb: Any, *words: Any, **more: Any) -> None:
    cluster.store.kill_after = lambda text: after in text
    with pytest.raises(Killed):
        verb(cluster.session(), NAME, *words, **more)
    cluster.store.kill_after = lambda _: False


def _copy_when_empty(cluster: Cluster) -> None:
    """A member with an empty claim takes the group's data with the next turn."""

    def turn() -> None:
        for name in cluster.facts:
            if not cluster.held(name):
                cluster.write(name, f"{GROUP}:1-5")
                cluster.facts[name] = {**ONLINE, "role": "replica", "online": len(cluster.facts)}

    cluster.clock.turn = turn


# member rebuild


def test_a_rebuild_that_was_killed_before_the_claim_went_is_asked_again() -> None:
    """Days later the member leads, and only it holds what was written since."""
    cluster = Cluster(3)
    _killed(cluster, "rebuilding", member.rebuild, "mysql-1", accept_loss=False)
    cluster.write("mysql-1", f"{GROUP}:1-500")
    for name in ("mysql-0", "mysql-2"):
        cluster.facts[name] = {"state": "DOWN", "role": "none"}
    cluster.facts["mysql-1"] = {**ONLINE, "role": "primary", "online": 1}
    with pytest.raises(errors.Refused) as error:
        member.rebuild(cluster.session(), NAME, "mysql-1", accept_loss=False)
    assert {one.code for one in error.value.reasons} == {"is-primary", "only-copy"}
    assert cluster.lost == {}


def test_a_rebuild_that_was_killed_before_the_claim_went_is_asked_again_also_of_a_member_that_is_down() -> None:
    cluster = Cluster(3)
    _killed(cluster, "rebuilding", member.rebuild, "mysql-1", accept_loss=False)
    cluster.facts["mysql-1"] = {"state": "DOWN", "role": "none", "executed": ""}
    with pytest.raises(errors.Refused, match="is not known"):
        member.rebuild(cluster.session(20.0), NAME, "mysql-1", accept_loss=False)
    assert cluster.lost == {}


def test_a_rebuild_that_was_killed_after_the_claim_went_goes_on() -> None:
    cluster = Cluster(3)
    _killed(cluster, "DELETE Pod", member.rebuild, "mysql-1", accept_loss=False)
    assert list(cluster.lost) == ["data-mysql-1"]
    note = orders.read_one(cluster.session().client, NAME, "rebuilding")["mysql-1"]
    assert (note["at"], "process" in note["by"]) == ("2026-01-01T00:00:00Z", True)
    cluster.lost.clear()
    _copy_when_empty(cluster)
    member.rebuild(cluster.session(), NAME, "mysql-1", accept_loss=False)
    assert (cluster.lost, cluster.held("mysql-1")) == ({}, f"{GROUP}:1-5")
    assert "mysqlops.io/rebuilding" not in cluster.notes()


@pytest.mark.parametrize("note", [{"uid": "long-gone", "at": "2026-01-01T00:00:00Z", "by": "x"}, "long-gone"])
def test_a_note_of_a_run_that_is_over_does_not_make_a_rebuild_do_nothing(note: Any) -> None:
    cluster = Cluster(3)
    orders.write(cluster.session().client, NAME, rebuilding={"mysql-1": note})
    _copy_when_empty(cluster)
    member.rebuild(cluster.session(), NAME, "mysql-1", accept_loss=False)
    assert cluster.lost == {"data-mysql-1": f"{GROUP}:1-5"}


@pytest.mark.parametrize(("joined", "goes_on"), [("new", False), ("old", True)])
def test_a_rebuild_is_over_once_the_group_counted_the_new_data(joined: str, goes_on: bool) -> None:
    """`member rebuild --no-wait` leaves its note; hours later the volume breaks, and the next rebuild must not wait."""
    cluster = Cluster(3)
    note = {"uid": "long-gone", "at": "2026-01-01T00:00:00Z", "server": "new"}
    orders.write(cluster.session().client, NAME, rebuilding={"mysql-2": note})
    counted = group.dump(group.Note(name=GROUP, members={"mysql-0": "a", "mysql-1": "b", "mysql-2": joined}))
    cluster.session().client.patch(
        "Lease", names.group_lease(NAME), {"metadata": {"annotations": {names.ANNOTATION_GROUP: counted}}}
    )
    cluster.facts["mysql-2"] = {"state": "DOWN", "role": "none", "executed": "", "held": f"{GROUP}:1-5"}
    cluster.settle()
    assert (member.under_way(cluster.session(), NAME, "mysql-2") is not None) == goes_on


@pytest.mark.parametrize(("at", "goes_on"), [("2025-12-31T20:00:00Z", True), ("2025-12-29T00:00:00Z", False)])
def test_a_rebuild_of_days_ago_is_no_licence_for_the_data_of_today(at: str, goes_on: bool) -> None:
    """Nobody knows which data a member has whose note is that old: the gate is asked."""
    cluster = Cluster(3)
    orders.write(cluster.session().client, NAME, rebuilding={"mysql-2": {"uid": "long-gone", "at": at}})
    cluster.facts["mysql-2"] = {"state": "DOWN", "role": "none", "executed": ""}
    cluster.settle()
    assert (member.under_way(cluster.session(), NAME, "mysql-2") is not None) == goes_on


def test_a_down_member_s_data_is_unknown_not_empty() -> None:
    cluster = Cluster(3, m2=f"{GROUP}:1-7")
    cluster.facts["mysql-2"] = {"state": "DOWN", "role": "none", "executed": ""}
    with pytest.raises(errors.Refused, match="what mysql-2 holds on claim data-mysql-2 is not known"):
        member.rebuild(cluster.session(), NAME, "mysql-2", accept_loss=False)
    assert cluster.lost == {}


def test_a_restore_that_was_killed_before_the_claim_went_holds_the_member_up_no_longer() -> None:
    cluster = Cluster(3)
    session = cluster.session()
    orders.write(session.client, NAME, filling={"mysql-1": "b1"}, rebuilding={"mysql-1": {"uid": "other"}})
    member.give_up_filling(session, NAME, "mysql-1")
    assert "mysqlops.io/filling" not in cluster.notes()


def _half_restored() -> Cluster:
    """A restore of b1 onto mysql-2 was killed while its Job filled the new claim: the pod's agent never speaks."""
    cluster = Cluster(3)
    member.empty(cluster.session(), NAME, "mysql-2", accept_loss=False, backup="b1")
    cluster.silence("mysql-2")
    del cluster.store.objects["Pod", "mysql-2"]
    cluster.settle()
    cluster.store.put({"kind": "Job", "metadata": {"name": names.restore_job(NAME), "labels": names.selector(NAME)}})
    cluster.lost.clear()
    return cluster


def test_what_a_restore_left_half_done_is_no_rebuild_that_goes_on() -> None:
    cluster = _half_restored()
    with pytest.raises(errors.Refused) as error:
        member.rebuild(cluster.session(60.0), NAME, "mysql-2", accept_loss=False)
    assert [one.code for one in error.value.reasons] == ["unknown-data"]
    assert "give --accept-loss" in str(error.value.reasons[0].hint)
    # It goes on if that is asked for instead: nothing was given up.
    assert ("mysqlops.io/filling" in cluster.notes(), cluster.store.deleted("Job")) == (True, [])
    _copy_when_empty(cluster)
    member.rebuild(cluster.session(60.0), NAME, "mysql-2", accept_loss=True)
    assert (cluster.lost, cluster.held("mysql-2")) == ({"data-mysql-2": ""}, f"{GROUP}:1-5")
    assert ("mysqlops.io/filling" in cluster.notes(), len(cluster.store.deleted("Job"))) == (False, 1)


def test_a_second_rebuild_with_accept_loss_goes_through_the_gate() -> None:
    cluster = Cluster(3)
    _killed(cluster, "DELETE Pod", member.rebuild, "mysql-1", accept_loss=True)
    before = len(cluster.store.deleted("PersistentVolumeClaim"))
    _copy_when_empty(cluster)
    member.rebuild(cluster.session(60.0), NAME, "mysql-1", accept_loss=True)
    assert len(cluster.store.deleted("PersistentVolumeClaim")) == before + 1


def test_a_late_write_takes_nobody_elses_order_back() -> None:
    """The command is stopped between reading the orders and writing them, and others write meanwhile."""
    cluster = Cluster(3)
    client = cluster.session().client
    orders.write(client, NAME, fenced={"mysql-1": "mine"})
    late = iter([{"mysql-1": "mine", "mysql-2": "of another command"}])

    def unfence(now: Mapping[str, str]) -> dict[str, Any]:
        for fenced in late:
            orders.write(client, NAME, fenced=fenced)
        return {"fenced": ordered.without(ordered.fenced(now), "mysql-1")}

    orders.change(client, NAME, unfence)
    assert cluster.fenced() == {"mysql-2": "of another command"}


def test_a_change_of_orders_that_always_meets_another_one_is_given_up() -> None:
    client = Cluster(3).session().client
    numbers = itertools.count()

    def race(_: Mapping[str, str]) -> dict[str, Any]:
        orders.write(client, NAME, restarting={"n": next(numbers)})
        return {"fenced": {"mysql-1": "why"}}

    with pytest.raises(errors.Conflict):
        orders.change(client, NAME, race)
    assert next(numbers) < 20


# stop and start


def _obey(cluster: Cluster, after: float = 0.0) -> None:
    """The agents do what the fences say, some seconds later."""
    roles = {name: facts["role"] for name, facts in cluster.facts.items()}
    cluster.facts = {name: dict(facts) for name, facts in cluster.facts.items()}

    def on_pod(name: str) -> None:
        why = cluster.fenced().get(name, "")
        serves = not why or cluster.clock.seconds < after
        waiting = "" if serves else f"fenced: {why}"
        cluster.facts[name] = {**ONLINE, "role": roles[name] if serves else "none", "online": 3, "waiting_for": waiting}

    cluster.on_pod = on_pod
    cluster.settle()


@pytest.mark.parametrize("obeyed_after", [0.0, 3.0])
@pytest.mark.parametrize(
    "point", ["mysqlops.io/fenced", '"mysqlops.io/stopped": "{\\"executed\\": {\\"mysql-0', '"replicas": 0']
)
def test_a_stop_that_was_killed_anywhere_goes_on_and_back(point: str, obeyed_after: float) -> None:
    cluster = Cluster(3)
    orders.write(cluster.session().client, NAME, fenced={"mysql-2": "slow disk"})
    _obey(cluster, obeyed_after)
    _killed(cluster, point, stop.stop)
    stop.start(cluster.session(60.0), NAME)
    assert (cluster.fenced(), cluster.stateful_set()["spec"]["replicas"]) == ({"mysql-2": "slow disk"}, 3)
    assert "mysqlops.io/stopped" not in cluster.notes()


@pytest.mark.parametrize("obeyed_after", [0.0, 3.0])
@pytest.mark.parametrize(
    "point", ["mysqlops.io/fenced", '"mysqlops.io/stopped": "{\\"executed\\": {\\"mysql-0', '"replicas": 0']
)
def test_a_stop_that_was_killed_anywhere_is_finished_by_the_next(point: str, obeyed_after: float) -> None:
    cluster = Cluster(3)
    _obey(cluster, obeyed_after)
    _killed(cluster, point, stop.stop)
    stopped = stop.stop(cluster.session(60.0), NAME)
    assert (stopped["replicas"], stopped["fenced"]) == (3, {})
    assert set(stopped["executed"]) == {"mysql-0", "mysql-1", "mysql-2"}
    assert cluster.stateful_set()["spec"]["replicas"] == 0
    stop.start(cluster.session(60.0), NAME)
    assert (cluster.fenced(), cluster.stateful_set()["spec"]["replicas"]) == ({}, 3)


def test_a_start_takes_back_the_fences_of_an_older_release_that_was_killed_before_its_note() -> None:
    cluster = Cluster(3)
    _obey(cluster)
    orders.write(cluster.session().client, NAME, fenced={**dict.fromkeys(cluster.facts, stop._WHY), "mysql-2": "mine"})
    stop.start(cluster.session(60.0), NAME)
    assert (cluster.fenced(), cluster.stateful_set()["spec"]["replicas"]) == ({"mysql-2": "mine"}, 3)


def _meanwhile(session: Session, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user fences mysql-1 between this command's look at the Lease and its first write."""
    other, patch, late = cluster.session().client, session.client.patch, iter(["slow disk"])

    def after_another(kind: str, name: str, change: dict[str, Any]) -> Any:
        for why in late:
            orders.write(other, NAME, fenced={**cluster.fenced(), "mysql-1": why})
        return patch(kind, name, change)

    monkeypatch.setattr(session.client, "patch", after_another)


def test_a_fence_that_a_user_orders_while_a_stop_begins_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(3)
    _obey(cluster)
    session = cluster.session()
    _meanwhile(session, cluster, monkeypatch)
    stop.stop(session, NAME)
    assert ordered.stopped(cluster.notes())["fenced"] == {"mysql-1": "slow disk"}
    stop.start(cluster.session(60.0), NAME)
    assert cluster.fenced() == {"mysql-1": "slow disk"}


def test_a_fence_that_a_user_orders_while_a_start_begins_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(3)
    orders.write(cluster.session().client, NAME, fenced=dict.fromkeys(cluster.facts, stop._WHY))
    session = cluster.session()
    _meanwhile(session, cluster, monkeypatch)
    assert stop._unfence(session, NAME, {}, {}) == {"mysql-1": "slow disk"}
    assert cluster.fenced() == {"mysql-1": "slow disk"}


def test_members_that_were_started_by_hand_are_made_equal_again_before_a_stop() -> None:
    cluster = Cluster(3)
    _obey(cluster)
    stop.stop(cluster.session(60.0), NAME)
    cluster.stateful_set()["spec"]["replicas"] = 3
    orders.write(cluster.session().client, NAME, fenced={})
    cluster.settle()
    for name in cluster.facts:
        cluster.write(name, f"{GROUP}:1-9")
    assert stop.stop(cluster.session(60.0), NAME)["executed"]["mysql-0"] == f"{GROUP}:1-9"


@pytest.mark.parametrize("replicas", [3, 0])
def test_a_stop_trusts_no_note_that_a_start_left_behind(replicas: int) -> None:
    """`start --no-wait`, and then months go by: with a member down, the others would wait for it behind their fences.
    Scaled to zero by kubectl, nobody knows whether they are equal."""
    cluster = Cluster(3)
    _obey(cluster)
    stop.stop(cluster.session(60.0), NAME)
    stop.start(cluster.session(60.0), NAME, wait=False)
    obeyed = cluster.on_pod

    def on_pod(name: str) -> None:
        obeyed(name)
        cluster.facts["mysql-2"] = {"state": "DOWN", "role": "none", "executed": ""}

    cluster.on_pod = on_pod
    cluster.stateful_set()["spec"]["replicas"] = replicas
    cluster.settle()
    before = cluster.notes()
    with pytest.raises(errors.Refused) as error:
        stop.stop(cluster.session(60.0), NAME)
    assert [one.code for one in error.value.reasons] == ["not-whole"]
    assert (cluster.notes(), cluster.stateful_set()["spec"]["replicas"]) == (before, replicas)


def test_a_start_that_finds_a_member_unknown_does_not_call_it_equal() -> None:
    cluster = Cluster(3)
    _obey(cluster)
    stop.stop(cluster.session(60.0), NAME)
    lost = cluster.on_pod

    def on_pod(name: str) -> None:
        lost(name)
        cluster.facts[name]["server_uuid"] = "" if name == "mysql-1" else "uuid"

    cluster.on_pod = on_pod
    with pytest.raises(errors.StepFailed, match="its present transactions are not known"):
        stop.start(cluster.session(60.0), NAME)


@pytest.mark.parametrize("has_lease", [True, False])
def test_a_start_brings_back_members_that_kubectl_scaled_to_none(has_lease: bool) -> None:
    """`status` calls that stopped and names `start`; there is no note of a stop, and maybe no Lease."""
    cluster = Cluster(3)
    _obey(cluster)
    rendered = deploy.objects(ClusterSpec(name=NAME, namespace="db"))[-1]
    cluster.stateful_set()["spec"].update(template=rendered["spec"]["template"], replicas=0)
    if not has_lease:
        del cluster.store.objects["Lease", names.group_lease(NAME)]
    stop.start(cluster.session(60.0), NAME)
    assert cluster.stateful_set()["spec"]["replicas"] == 3
    assert has_lease or names.ANNOTATION_BOOTSTRAPPED in cluster.notes()


def test_a_start_expects_the_members_of_the_last_view_whatever_else_the_note_says() -> None:
    cluster = Cluster(3)
    _obey(cluster)
    note = group.Note(name=GROUP, members={"mysql-0": "a", "mysql-1": "b", "other-7": "d"})
    cluster.session().client.patch(
        "Lease", names.group_lease(NAME), {"metadata": {"annotations": {names.ANNOTATION_GROUP: group.dump(note)}}}
    )
    cluster.stateful_set()["spec"]["replicas"] = 0
    stop.start(cluster.session(60.0), NAME)
    assert cluster.stateful_set()["spec"]["replicas"] == 2


def test_a_start_expects_the_members_of_the_last_view_although_the_lease_is_from_the_past() -> None:
    """Nobody corrects it while no member runs: mysql-2 joined since, and may hold what was acknowledged last."""
    cluster = Cluster(3)
    _obey(cluster)
    past = group.Note(name=GROUP, members={"mysql-0": "a", "mysql-1": "b"}, joins="7")
    later = group.Note(name=GROUP, members={"mysql-2": "c"}, joins="8")
    lease, secret = names.group_lease(NAME), secret_map.secret(NAME, secret_map.INTERNAL)
    for kind, name, note in (("Lease", lease, past), ("Secret", secret, later)):
        noted = {"metadata": {"annotations": {names.ANNOTATION_GROUP: group.dump(note)}}}
        cluster.session().client.patch(kind, name, noted)
    cluster.stateful_set()["spec"]["replicas"] = 0
    stop.start(cluster.session(60.0), NAME)
    assert cluster.stateful_set()["spec"]["replicas"] == 3


def test_a_start_goes_by_the_lease_for_an_operator_who_may_not_read_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(3)
    _obey(cluster)
    session = cluster.session(60.0)
    note = group.Note(name=GROUP, members={"mysql-0": "a", "mysql-1": "b"})
    change = {"metadata": {"annotations": {names.ANNOTATION_GROUP: group.dump(note)}}}
    session.client.patch("Lease", names.group_lease(NAME), change)
    find = session.client.find

    def without_secrets(kind: str, name: str) -> Any:
        if kind == "Secret":
            raise errors.Forbidden(f"you may not get Secret {name}")
        return find(kind, name)

    monkeypatch.setattr(session.client, "find", without_secrets)
    cluster.stateful_set()["spec"]["replicas"] = 0
    stop.start(session, NAME)
    assert cluster.stateful_set()["spec"]["replicas"] == 2


@pytest.mark.parametrize("is_noted", [False, True])
def test_a_start_brings_back_who_was_joining_when_the_members_were_stopped(is_noted: bool) -> None:
    """The agents wait for it: it may be the one in whose presence something was acknowledged."""
    cluster = Cluster(4)
    _obey(cluster)
    note = group.Note(name=GROUP, members={f"mysql-{one}": "a" for one in range(3)}, joining={"mysql-3": "d"})
    order = {"replicas": 3, "executed": {}, "fenced": {}} if is_noted else {}
    orders.write(cluster.session().client, NAME, stopped=order)
    cluster.session().client.patch(
        "Lease", names.group_lease(NAME), {"metadata": {"annotations": {names.ANNOTATION_GROUP: group.dump(note)}}}
    )
    cluster.stateful_set()["spec"]["replicas"] = 0
    stop.start(cluster.session(60.0), NAME, wait=False)
    assert cluster.stateful_set()["spec"]["replicas"] == 4


def test_a_start_brings_back_a_member_of_the_last_view_that_somebody_scaled_away_since_the_stop() -> None:
    """`kubectl scale --replicas 2` after `stop`: no group is formed without the third."""
    cluster = Cluster(3)
    _obey(cluster)
    stop.stop(cluster.session(60.0), NAME)
    note = group.dump(group.Note(name=GROUP, members={"mysql-0": "a", "mysql-1": "b", "mysql-2": "c"}))
    cluster.session().client.patch(
        "Lease", names.group_lease(NAME), {"metadata": {"annotations": {names.ANNOTATION_GROUP: note}}}
    )
    cluster.stateful_set()["spec"]["replicas"] = 2
    obeyed = cluster.on_pod

    def on_pod(name: str) -> None:
        obeyed(name)
        if cluster.stateful_set()["spec"]["replicas"] < 3:
            cluster.facts[name] = {**ONLINE, "state": "OFFLINE", "role": "none"}

    cluster.on_pod = on_pod
    stop.start(cluster.session(60.0), NAME)
    assert cluster.stateful_set()["spec"]["replicas"] == 3
    assert "mysqlops.io/stopped" not in cluster.notes()


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_lease_that_deploy_recreates_notes_what_the_members_kept_a_copy_of(is_taken: bool) -> None:
    """They wait for whom the copy names, so `status` and `scale` must name the same."""
    cluster = Cluster(3)
    kept = {names.ANNOTATION_BOOTSTRAPPED: "mysql-0 then", names.ANNOTATION_GROUP: group.dump(group.Note(name=GROUP))}
    secret = cluster.store.objects["Secret", f"{NAME}-internal"]["metadata"]
    secret["annotations"] = {**kept, "other": "1"}
    rendered = deploy.objects(ClusterSpec(name=NAME, namespace="db"))[-1]
    cluster.stateful_set()["spec"]["template"] = rendered["spec"]["template"]
    del cluster.store.objects["Lease", names.group_lease(NAME)]
    written = {names.ANNOTATION_GROUP: group.dump(group.Note(name=GROUP, joins="7"))}

    def take(text: str) -> bool:
        if is_taken and text.startswith("APPLY Lease"):
            cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"].setdefault("annotations", {}).update(
                written
            )
        return False

    cluster.store.kill_after = take
    deploy.make_lease(cluster.session(), NAME)
    rendered_too = {names.ANNOTATION_DETECTION: "safe"}
    assert cluster.notes() == kept | rendered_too | (written if is_taken else {})


OTHER = "33333333-3333-3333-3333-333333333333"


def _left_behind(cluster: Cluster) -> None:
    """Stopped, and started by hand: the note stays, and the cluster lives on."""
    _obey(cluster)
    stop.stop(cluster.session(60.0), NAME)
    cluster.stateful_set()["spec"]["replicas"] = 3
    orders.write(cluster.session().client, NAME, fenced={})
    cluster.settle()


def test_a_cluster_is_not_stopped_while_a_restore_of_it_is_open() -> None:
    cluster = Cluster(3)
    swap = timeline.Swap(timeline.Timeline("data", GROUP), timeline.Timeline("data-r20260101000000", OTHER), 3, "b1")
    session = cluster.session()
    session.client.patch(
        "Lease", "mysql-group", {"metadata": {"annotations": {"mysqlops.io/restoring": timeline.dump(swap)}}}
    )
    for verb in (stop.stop, stop.start):
        with pytest.raises(errors.Refused) as error:
            verb(session, NAME)
        assert [one.code for one in error.value.reasons] == ["restore-open"]
    assert (cluster.fenced(), cluster.stateful_set()["spec"]["replicas"]) == ({}, 3)


def test_sets_of_another_history_are_not_compared_after_a_stop() -> None:
    cluster = Cluster(3)
    _left_behind(cluster)
    for name in cluster.facts:
        cluster.write(name, f"{OTHER}:1-9")
    with pytest.raises(errors.StepFailed):
        stop.start(cluster.session(60.0), NAME)
    note = group.dump(group.Note(name=OTHER, parent=GROUP))
    cluster.session().client.patch("Lease", "mysql-group", {"metadata": {"annotations": {"mysqlops.io/group": note}}})
    stop.start(cluster.session(60.0), NAME)
    assert "mysqlops.io/stopped" not in cluster.notes()


def test_a_note_that_was_left_behind_scales_and_fences_nobody() -> None:
    cluster = Cluster(3)
    orders.write(cluster.session().client, NAME, fenced={"mysql-2": "slow disk"})
    _left_behind(cluster)
    cluster.stateful_set()["spec"]["replicas"] = 2
    cluster.settle()
    started = stop.start(cluster.session(60.0), NAME)
    assert (started["replicas"], cluster.stateful_set()["spec"]["replicas"], cluster.fenced()) == (2, 2, {})
    assert "mysqlops.io/stopped" not in cluster.notes()


# restart, and the StatefulSet that is to be made again


def test_a_restart_goes_on_with_the_pods_that_it_noted() -> None:
    pods = {"mysql-0": "a", "mysql-1": "b"}
    note = restarting.note(pods, NOW)
    assert restarting.left(note, {"mysql-0": "a", "mysql-1": "new"}, NOW) == {"mysql-0": "a"}
    assert restarting.left(note, {"mysql-0": "x", "mysql-1": "y"}, NOW) == {}
    assert restarting.left(note, pods, NOW + timedelta(days=2)) == {}
    assert restarting.left("2025-12-31T00:00:00Z", pods, NOW) == {}


def test_a_restart_after_an_old_note_restarts_everybody() -> None:
    cluster = Cluster(1)
    orders.write(cluster.session().client, NAME, restarting="2025-01-01T00:00:00Z")
    before = cluster.pod("mysql-0")["metadata"]["uid"]
    assert restart.execute(cluster.session(), NAME) == ["mysql-0"]
    assert cluster.pod("mysql-0")["metadata"]["uid"] != before
    assert "mysqlops.io/restarting" not in cluster.notes()


def _parked(cluster: Cluster, wanted: dict[str, Any]) -> None:
    session = cluster.session()
    orders.write(session.client, NAME, recreating=storage.values_of(wanted))
    session.client.create("StatefulSet", storage.parked(wanted))


def test_what_a_stateful_set_is_to_be_counts_only_while_there_is_none() -> None:
    cluster = Cluster(3)
    session = cluster.session()
    wanted = storage.with_size(cluster.stateful_set(), "2Gi")
    wanted["spec"]["replicas"] = 1
    _parked(cluster, wanted)
    assert not remake.finish(session, NAME)
    assert cluster.stateful_set()["spec"]["replicas"] == 3
    assert cluster.store.deleted("StatefulSet") == [names.parked(NAME)]
    assert "mysqlops.io/recreating" not in cluster.notes()
    wanted["spec"]["replicas"] = 3
    _parked(cluster, wanted)
    del cluster.store.objects["StatefulSet", NAME]
    assert remake.finish(session, NAME)
    assert storage.size_of(cluster.stateful_set()) == "2Gi"
    remake.begin(session, NAME, lambda found: storage.with_size(found, "3Gi"))
    assert storage.size_of(cluster.stateful_set()) == "3Gi"
    assert ("StatefulSet", names.parked(NAME)) not in cluster.store.objects
    assert not remake.finish(session, NAME)


def test_a_stateful_set_comes_back_as_it_was_put_aside() -> None:
    wanted = storage.with_size(Cluster(3).stateful_set(), "2Gi")
    before = copy.deepcopy(wanted)
    made = storage.unparked(storage.parked(wanted), NAME)
    assert wanted == before
    made["spec"].pop("selector"), made["spec"]["template"]["metadata"].pop("labels")
    assert made == wanted


def test_an_object_in_the_lease_is_never_applied() -> None:
    """Every agent may write there, and older releases kept the whole StatefulSet in it."""
    cluster = Cluster(3)
    session = cluster.session()
    evil = storage.with_size(cluster.stateful_set(), "2Gi")
    evil["spec"]["template"]["spec"]["serviceAccountName"] = "administrator"
    orders.write(session.client, NAME, recreating=evil)
    before = copy.deepcopy(cluster.stateful_set()["spec"])
    assert not remake.finish(session, NAME)
    assert cluster.stateful_set()["spec"] == before
    orders.write(session.client, NAME, recreating=evil)
    del cluster.store.objects["StatefulSet", NAME]
    with pytest.raises(errors.Refused) as error:
        remake.finish(session, NAME)
    assert error.value.reasons[0].code == "remake-lost"
    assert ("StatefulSet", NAME) not in cluster.store.objects


@pytest.mark.parametrize("change", [{"serviceAccountName": "other"}, {"parked": "other"}, {"members": "99"}])
def test_a_stateful_set_that_was_not_put_aside_by_mysqlops_is_not_made(change: dict[str, str]) -> None:
    cluster = Cluster(3)
    found = storage.parked(storage.with_size(cluster.stateful_set(), "2Gi"))
    pod = found["spec"]["template"]
    pod["spec"]["serviceAccountName"] = change.get("serviceAccountName", NAME)
    pod["metadata"]["labels"][names.LABEL_PARKED] = change.get("parked", NAME)
    found["metadata"]["annotations"][names.ANNOTATION_RECREATING] = change.get("members", "3")
    cluster.session().client.create("StatefulSet", found)
    del cluster.store.objects["StatefulSet", NAME]
    with pytest.raises(errors.Refused, match="was not set aside by mysqlops"):
        remake.finish(cluster.session(), NAME)


# What a user keeps out of service


def test_a_member_that_is_fenced_is_rebuilt_and_stays_fenced() -> None:
    """It serves nobody afterwards, and the command waited for that until its --timeout."""
    cluster = Cluster(3)
    session = cluster.session()
    orders.write(session.client, NAME, fenced={"mysql-1": "suspect"})
    cluster.facts["mysql-1"]["role"] = "none"

    def turn() -> None:
        if not cluster.held("mysql-1"):
            cluster.write("mysql-1", f"{GROUP}:1-5")
            cluster.facts["mysql-1"] = {**ONLINE, "role": "none", "online": 3}

    cluster.clock.turn = turn
    member.rebuild(session, NAME, "mysql-1", accept_loss=False)
    assert (cluster.lost, cluster.fenced()) == ({"data-mysql-1": f"{GROUP}:1-5"}, {"mysql-1": "suspect"})
    assert "mysqlops.io/rebuilding" not in cluster.notes()
    assert "mysqlops member unfence mysql mysql-1" in cluster.said[-2]


def test_a_member_without_a_pod_is_fenced_at_once() -> None:
    cluster = Cluster(3)
    before = cluster.store.settle

    def settle() -> None:
        before()
        cluster.store.objects.pop(("Pod", "mysql-2"), None)

    cluster.store.settle = settle
    assert member.fence(cluster.session(20.0), NAME, "mysql-2", "its node is being repaired")


def test_a_deploy_does_not_wait_for_a_member_that_is_fenced() -> None:
    cluster = Cluster(3)
    cluster.facts["mysql-1"]["role"] = "none"
    with pytest.raises(errors.WaitTimeout, match="mysql-1 is ONLINE and accepts no clients"):
        deploy.await_healthy(cluster.session(20.0), NAME)
    orders.write(cluster.session().client, NAME, fenced={"mysql-1": "suspect"})
    assert deploy.await_healthy(cluster.session(20.0), NAME).online == 3


@pytest.mark.parametrize("wait", [deploy.await_healthy, deploy.await_primary])
def test_a_deploy_does_not_wait_for_a_member_that_no_pod_brings_back(wait: Callable[..., status.Status]) -> None:
    """Somebody lowered the replicas in an outage: `apply`, whose file has more members, waited for the group first; a
    restore in place for its primary."""
    cluster = Cluster(2)
    for number in range(2):
        cluster.facts[f"mysql-{number}"] |= {"role": "none", "state": "OFFLINE", "online": 0}
    members = {f"mysql-{number}": f"u{number}" for number in range(3)}
    note = {names.ANNOTATION_GROUP: group.dump(group.Note(members=members))}
    cluster.session().client.patch("Lease", names.group_lease(NAME), {"metadata": {"annotations": note}})
    began = cluster.clock.monotonic()
    with pytest.raises(errors.StepFailed, match="it is not formed without mysql-2") as failed:
        wait(cluster.session(), NAME)
    assert "mysqlops scale mysql --replicas 3 brings its pod back" in str(failed.value.hint)
    assert cluster.clock.monotonic() - began < 60
    with pytest.raises(errors.WaitTimeout) as late:  # a wait that may go on, such as that of `recover`
        observe.until(cluster.session(20.0), NAME, lambda now: now.primary is not None, "a primary")
    assert "mysqlops scale mysql --replicas 3 brings its pod back" in str(late.value.hint)
