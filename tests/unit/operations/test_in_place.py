"""A restore in place and its way back: who is expected, which claims count, and what a killed run leaves."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import backup, group, names, secret_map, timeline
from mysqlops.core.spec import ClusterSpec
from mysqlops.kube import manifests
from mysqlops.objects import render
from mysqlops.operations import in_place, observe, timeline_notes
from mysqlops.planning import actions
from mysqlops.planning import restore as planning
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import GROUP, NAME, Cluster
from tests.unit.operations import test_restore_as

RESTORED = "33333333-3333-3333-3333-333333333333"
RENAMED = "44444444-4444-4444-4444-444444444444"
SECRET = secret_map.secret(NAME, secret_map.INTERNAL)
NEW = timeline.Timeline("data-r20260101000000", RESTORED)


def _cluster(replicas: int = 3) -> Cluster:
    cluster = Cluster(replicas)
    spec = ClusterSpec(name=NAME, namespace="db", replicas=replicas)
    cluster.store.put(render.cluster_objects(manifests.load_base(), spec, render.Agent(b"x", "1"))[-1])
    return cluster


def _members(*ordinals: int, of: str = "u") -> dict[str, str]:
    return {names.pod(NAME, ordinal): f"{of}{ordinal}" for ordinal in ordinals}


def _lease(cluster: Cluster, **notes: Any) -> None:
    keys = {"group": names.ANNOTATION_GROUP, "restoring": names.ANNOTATION_RESTORING, "claims": names.ANNOTATION_CLAIMS}
    dumped = {
        keys[key]: group.dump(value) if isinstance(value, group.Note) else timeline.dump(value)
        for key, value in notes.items()
    }
    timeline_notes.write(cluster.session(), NAME, dict(dumped))


def _secret_names(cluster: Cluster) -> str:
    return base64.b64decode(cluster.store.objects["Secret", SECRET]["data"][names.KEY_GROUP_NAME]).decode()


def _begun(cluster: Cluster) -> timeline.Swap:
    """A restore whose run was killed while it filled the claim; mysql-2 was away when it was planned."""
    _lease(cluster, group=group.Note(members=_members(0, 1), outcasts=_members(7)))
    old = in_place._in_use(cluster.session(), NAME, cluster.stateful_set(), cluster.notes())
    swap = timeline.Swap(old, NEW, 3, "b1")
    _lease(cluster, restoring=swap)
    return swap


def test_the_way_back_expects_who_was_in_the_group_when_it_stopped() -> None:
    cluster = _cluster()
    session, swap = cluster.session(), _begun(cluster)
    _lease(cluster, group=group.Note(members=_members(0, 1), joining=_members(2), outcasts=_members(8)))
    changed = in_place._name_group(session, NAME, swap)
    assert (changed.old.members, changed.old.group) == (_members(0, 1, 2), GROUP)
    assert timeline.swap_of(cluster.notes()) == changed
    note = group.note_of(cluster.notes())
    assert (note.name, note.parent, note.members, note.outcasts) == (RESTORED, GROUP, {}, {})
    _lease(cluster, group=replace(note, members=_members(0, 1, 2, of="n"), outcasts=_members(1), joins="4"))
    back = timeline.Swap(changed.new, changed.old, 3)
    returned = in_place._name_group(session, NAME, back)
    note = group.note_of(cluster.notes())
    assert (note.name, note.expected(), note.outcasts) == (GROUP, _members(0, 1, 2), _members(8))
    assert (returned.old.members, returned.old.outcasts) == (_members(0, 1, 2, of="n"), _members(1))
    assert _secret_names(cluster) == GROUP


def test_a_history_keeps_what_was_noted_at_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole run: the members' note changes while the claim is filled."""
    cluster = _cluster()
    swap = _begun(cluster)
    _lease(cluster, group=group.Note(members=_members(0, 1, 2)))
    steps: list[planning.Action] = [planning.NameGroup(NEW), actions.Done()]
    monkeypatch.setattr(planning, "plan", lambda *_: steps.pop(0))
    in_place.execute(cluster.session(), NAME, swap, None)
    history = timeline.history_of(cluster.notes())
    assert history is not None
    assert history.before is not None
    assert history.before.members == _members(0, 1, 2)


def test_naming_the_group_is_lost_to_whoever_wrote_the_lease_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _cluster()
    session, swap = cluster.session(), _begun(cluster)
    get, late = session.client.get, group.Note(members=_members(0, 1, 2))

    def get_and_write(kind: str, name: str) -> Any:
        found = get(kind, name)
        if kind == "Lease":
            _lease(cluster, group=late)
        return found

    monkeypatch.setattr(session.client, "get", get_and_write)
    assert in_place._name_group(session, NAME, swap) == swap
    assert group.note_of(cluster.notes()) == late
    assert _secret_names(cluster) == GROUP


def test_a_run_that_was_killed_while_it_named_the_group_has_named_it_for_the_next() -> None:
    cluster = _cluster()
    session, swap = cluster.session(), _begun(cluster)
    cluster.store.kill_after = lambda text: RESTORED in text
    with pytest.raises(Killed):
        in_place._name_group(session, NAME, swap)
    cluster.store.kill_after = lambda _: False
    assert observe.group_name(session.client, NAME) == RESTORED
    assert group.note_of(cluster.notes()).members == {}, "nobody of the old group is expected any more"
    timeline_notes.write(session, NAME, {})
    assert _secret_names(cluster) == RESTORED


def test_what_recover_renamed_during_the_filling_is_what_a_restore_that_is_taken_back_keeps() -> None:
    cluster = _cluster()
    _begun(cluster)
    shared = {"mysql-1": f"{GROUP}:1-3", "mysql-2": f"{GROUP}:1-4"}
    note = group.Note(name=RENAMED, parent=GROUP, members=_members(0, 2), outcasts=_members(1), shared=shared)
    note = replace(note, elsewhere=_members(2))
    _lease(cluster, group=note)
    back = in_place.plan_revert(cluster.session(), NAME)
    assert (back.abandons, back.new) == (
        True,
        timeline.Timeline("data", RENAMED, _members(0, 2), _members(1), shared, _members(2)),
    )
    assert timeline.swap_of({names.ANNOTATION_RESTORING: timeline.dump(back)}) == back
    action = planning.plan(in_place._see(cluster.session(), NAME, back), back)
    assert isinstance(action, actions.Done), "no member has to stop"
    named = in_place._name_group(cluster.session(), NAME, timeline.Swap(NEW, back.new, 3))
    restored = group.note_of(cluster.notes())
    assert (restored.outcasts, restored.shared, restored.elsewhere) == (_members(1), shared, _members(2))
    assert named.new == back.new


def _killed_filling_then_scaled(members: dict[str, str]) -> tuple[Cluster, timeline.Swap]:
    cluster = _cluster(5)
    swap = timeline.Swap(timeline.Timeline("data", GROUP, members), NEW, 3, "b1")
    _lease(cluster, restoring=swap, group=group.Note(members=members))
    return cluster, swap


@pytest.mark.parametrize("members", [_members(0, 1, 2, 3, 4), {}])
def test_a_restore_that_goes_on_after_a_scale_leaves_nobody_out_on_either_way(members: dict[str, str]) -> None:
    cluster, swap = _killed_filling_then_scaled(members)
    session = cluster.session()
    assert in_place._with_all(session, NAME, swap).replicas == 5, "what was scaled since is not undone"
    # Killed again, between the stop and the StatefulSet with other claims, by a release that went on with three.
    cluster.stateful_set()["spec"]["replicas"] = 0
    cluster.settle()
    swap = in_place._name_group(session, NAME, swap)
    assert swap.old.members == members
    assert in_place.plan_revert(session, NAME).replicas == 5


def test_a_way_back_that_goes_on_leaves_nobody_out() -> None:
    cluster, _ = _killed_filling_then_scaled({})
    cluster.stateful_set()["spec"]["replicas"] = 0
    back = timeline.Swap(NEW, timeline.Timeline("data", GROUP, _members(0, 1, 2, 3)), 3)
    _lease(cluster, restoring=back)
    assert in_place.plan_revert(cluster.session(), NAME) == replace(back, replicas=4)


# The copy, by which members go where the Lease is missing or from the past


def _copy(cluster: Cluster) -> dict[str, str]:
    return cluster.store.objects["Secret", SECRET]["metadata"].get("annotations") or {}


def test_whoever_names_the_group_leaves_the_members_a_copy_that_knows_it() -> None:
    cluster = _cluster()
    session, swap = cluster.session(), _begun(cluster)
    before = group.dump(group.Note(GROUP, members=_members(0, 1, 2), joins="7", incarnation="8"))
    cluster.store.objects["Secret", SECRET]["metadata"]["annotations"] = {names.ANNOTATION_GROUP: before}
    _lease(cluster, group=group.Note(GROUP, members=_members(0, 1, 2), joins="7", incarnation="8"))
    assert _copy(cluster)[names.ANNOTATION_GROUP] == before, "the members copy what a group records"
    changed = in_place._name_group(session, NAME, swap)
    copied = group.note_of(_copy(cluster))
    assert (copied.name, copied.parent, copied.members, copied.restores) == (RESTORED, GROUP, {}, "1")
    assert copied.is_later(group.note_of({names.ANNOTATION_GROUP: before}))
    assert timeline.swap_of(_copy(cluster)) == changed
    returned = in_place._name_group(session, NAME, timeline.Swap(changed.new, changed.old, 3))
    back = group.note_of(_copy(cluster))
    assert (back.name, back.expected(), back.restores) == (GROUP, _members(0, 1, 2), "2")
    assert back.is_later(copied)
    assert timeline.swap_of(_copy(cluster)) == returned


def test_a_copy_that_a_killed_run_did_not_write_is_written_by_the_next_but_not_once_a_member_forms_the_group() -> None:
    cluster = _cluster()
    session, swap = cluster.session(), _begun(cluster)
    cluster.store.kill_after = lambda text: RESTORED in text
    with pytest.raises(Killed):
        in_place._name_group(session, NAME, swap)
    cluster.store.kill_after = lambda _: False
    assert names.ANNOTATION_GROUP not in _copy(cluster)
    timeline_notes.write(session, NAME, {})
    assert group.note_of(_copy(cluster)) == group.note_of(cluster.notes())
    forming = group.forming(group.note_of(cluster.notes()), None, "mysql-0", "u0", "")
    _lease(cluster, group=forming)
    assert group.note_of(_copy(cluster)).elsewhere == {}, "its mark must not outlive the moment at which it counts"


def test_the_way_back_expects_who_was_in_the_group_although_the_lease_is_from_the_past() -> None:
    """It was set back while no member ran that would have corrected it: mysql-2 acknowledged last, alone."""
    cluster = _cluster()
    session, swap = cluster.session(), _begun(cluster)
    last = group.Note(GROUP, members=_members(2), joins="9", incarnation="8", outcasts=_members(0))
    cluster.store.objects["Secret", SECRET]["metadata"]["annotations"] = {names.ANNOTATION_GROUP: group.dump(last)}
    before = cluster.notes()
    _lease(cluster, group=group.Note(GROUP, members=_members(0, 1), joins="7", incarnation="8"))
    changed = in_place._name_group(session, NAME, swap)
    assert (changed.old.members, changed.old.outcasts) == (_members(2), _members(0))
    assert group.note_of(cluster.notes()).count() == 10
    cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]["annotations"] = before
    assert in_place._see(session, NAME, changed).group == RESTORED, "and what an earlier run has named stays so"
    assert timeline.swap_of(timeline_notes.read(session, NAME)) == changed, "and is continued"


def test_which_claims_are_in_use_is_copied_and_what_is_over_is_not() -> None:
    cluster = _cluster()
    old = timeline.Timeline("data", GROUP)
    _lease(cluster, restoring=timeline.Swap(old, NEW, 3, "b1"), group=group.Note(name=RESTORED))
    assert timeline.swap_of(_copy(cluster)) is not None
    in_place._close(cluster.session(), NAME, timeline.Swap(old, NEW, 3, "b1"))
    assert timeline.history_of(cluster.notes()) is not None
    assert _copy(cluster)[names.ANNOTATION_CLAIMS] == cluster.notes()[names.ANNOTATION_CLAIMS]
    assert names.ANNOTATION_RESTORING not in _copy(cluster)


def _set_back(cluster: Cluster) -> timeline.History:
    """A cluster that was restored before; its next restore was killed while no member ran, and then a tool applied the
    Lease as it was before the first one."""
    before = dict(cluster.notes())
    history = timeline.History(NEW, timeline.Timeline("data", GROUP), "b0", "2026-01-01T00:00:00Z")
    _lease(cluster, claims=history, group=group.Note(RESTORED, GROUP, joins="9", restores="1"))
    past = group.Note(GROUP, members=_members(0, 1, 2), joins="3", incarnation="8")
    lease = cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]
    lease["annotations"] = before | {names.ANNOTATION_GROUP: group.dump(past)}
    return history


def test_a_restore_that_goes_on_from_a_lease_of_the_past_leaves_the_record_of_the_claims_in_use() -> None:
    """Only the copy has it by then: `deploy` after a `delete` would take the data of long ago."""
    cluster = _cluster()
    history = _set_back(cluster)
    swap = timeline.Swap(NEW, timeline.Timeline("data-r20260202000000", RENAMED), 3, "b1")
    _lease(cluster, restoring=swap)
    for notes in (cluster.notes(), _copy(cluster)):
        assert (timeline.history_of(notes), timeline.swap_of(notes)) == (history, swap)
    assert _secret_names(cluster) == RESTORED
    changed = in_place._name_group(cluster.session(), NAME, swap)
    for notes in (cluster.notes(), _copy(cluster)):
        assert (timeline.history_of(notes), timeline.swap_of(notes)) == (history, changed)
    assert _secret_names(cluster) == RENAMED


def test_naming_the_group_on_a_lease_of_the_past_leaves_the_record_of_the_claims_in_use() -> None:
    cluster = _cluster()
    swap = timeline.Swap(NEW, timeline.Timeline("data-r20260202000000", RENAMED), 3, "b1")
    history = _set_back(cluster)
    changed = in_place._name_group(cluster.session(), NAME, swap)
    for notes in (cluster.notes(), _copy(cluster)):
        assert (timeline.history_of(notes), timeline.swap_of(notes)) == (history, changed)


# Claims that `scale` had put aside long before

NOTED = {names.ANNOTATION_KEPT_SINCE: "2025-01-01T00:00:00Z", names.ANNOTATION_KEPT_EXECUTED: f"{GROUP}:1-3"}


def _with_kept_claim(members: dict[str, str]) -> Cluster:
    """mysql-3 was scaled away; a restore is over, and its claims are in use."""
    cluster = _cluster(3)
    cluster.new_claim("mysql-3", f"{GROUP}:1-3")
    kept = cluster.claim("mysql-3")
    assert kept is not None
    kept["metadata"]["labels"][names.LABEL_KEPT] = "true"
    kept["metadata"]["annotations"] |= NOTED
    before = timeline.Timeline("data", GROUP, members)
    _lease(cluster, claims=timeline.History(NEW, before, "b1", "2026-01-01T00:00:00Z"), group=group.Note(name=RESTORED))
    return cluster


def test_a_claim_that_scale_kept_before_the_restore_does_not_bar_the_way_back() -> None:
    back = in_place.plan_revert(_with_kept_claim(_members(0, 1, 2)).session(), NAME)
    assert (back.new.claims, back.replicas) == ("data", 3)


@pytest.mark.parametrize("members", [{}, _members(0, 1, 2, 3)])
def test_the_claim_of_a_member_that_may_hold_what_was_acknowledged_bars_it(members: dict[str, str]) -> None:
    with pytest.raises(errors.Refused) as error:
        in_place.plan_revert(_with_kept_claim(members).session(), NAME)
    assert [one.code for one in error.value.reasons] == ["claims-left-out"]


def test_what_scale_put_aside_stays_so_on_the_way_there_and_back() -> None:
    cluster = _with_kept_claim(_members(0, 1, 2))
    session, old = cluster.session(), timeline.Timeline("data", GROUP, _members(0, 1, 2))
    in_place._close(session, NAME, timeline.Swap(old, NEW, 3, "b1"))
    labels = [_label(cluster, ordinal) for ordinal in range(4)]
    assert labels == ["true"] * 4
    in_use = cluster.claim("mysql-1")
    assert in_use is not None
    in_use["metadata"]["annotations"][names.ANNOTATION_KEPT_EXECUTED] = f"{GROUP}:1-2"
    in_place._close(session, NAME, timeline.Swap(NEW, old, 3))
    assert [_label(cluster, ordinal) for ordinal in range(4)] == [None, None, None, "true"]
    kept, used = cluster.claim("mysql-3"), cluster.claim("mysql-1")
    assert kept is not None
    assert used is not None
    assert (kept["metadata"]["annotations"], used["metadata"]["annotations"]) == (NOTED, {})


def _label(cluster: Cluster, ordinal: int) -> str | None:
    claim = cluster.claim(names.pod(NAME, ordinal))
    assert claim is not None
    found: str | None = claim["metadata"]["labels"].get(names.LABEL_KEPT)
    return found


# A tool that applies manifests


def test_a_restore_whose_changes_are_undone_again_and_again_ends_and_names_the_ways_out() -> None:
    """It does not stop the members again and again for the hours of its timeout."""
    cluster = _cluster(2)
    settle = cluster.store.settle

    def settle_and_restore() -> None:
        settle()
        cluster.stateful_set()["spec"]["replicas"] = 2

    cluster.store.settle = settle_and_restore
    _lease(cluster, group=group.Note(name=GROUP))
    swap = timeline.Swap(timeline.Timeline("data", GROUP), NEW, 2)
    with pytest.raises(errors.StepFailed, match="something undoes") as failed:
        in_place.execute(cluster.session(), NAME, swap, None)
    assert f"mysqlops restore --revert {NAME}" in (failed.value.hint or "")
    scaled = [text for text in cluster.store.log if text.startswith("PATCH StatefulSet") and '"replicas": 0' in text]
    assert len(scaled) == 2


@pytest.mark.parametrize("backup_id", ["b1", ""])
def test_data_that_was_started_under_the_name_of_the_next_keeps_that_name_and_its_members(backup_id: str) -> None:
    """A tool set the replicas again before the StatefulSet had the other claims. What clients wrote since has numbers
    of that name, and the members on the other claims would wait for those of the previous ones without end."""
    cluster = _cluster(3)
    swap = in_place._name_group(cluster.session(), NAME, replace(_begun(cluster), backup=backup_id))
    ran = replace(group.note_of(cluster.notes()), members=_members(0, 2), incarnation="8", outcasts=_members(1))
    _lease(cluster, group=ran)
    cluster.stateful_set()["spec"]["replicas"] = 0
    cluster.settle()
    seen = replace(in_place._see(cluster.session(), NAME, swap), is_filled=True)
    assert planning.plan(seen, swap) == planning.NameGroup(swap.new)
    changed = in_place._name_group(cluster.session(), NAME, swap)
    note = group.note_of(cluster.notes())
    assert (changed.old.group, changed.old.members, changed.old.outcasts) == (RESTORED, _members(0, 2), _members(1))
    assert changed.new.group not in (RESTORED, GROUP)
    assert (note.name, note.parent, note.expected()) == (changed.new.group, RESTORED, dict(swap.new.members))
    seen = replace(in_place._see(cluster.session(), NAME, changed), is_filled=True)
    assert planning.plan(seen, changed) == planning.Remake(changed)


def test_a_backup_that_failed_its_verification_stops_no_cluster() -> None:
    failed = backup.Verification("b1", "2026-01-01T00:00:00Z", ok=False, seconds=1.0, why="app.t differs")
    cluster = _cluster(3)
    bad = in_place.Source(replace(test_restore_as.BACKUP, verified=failed), test_restore_as.TARGET)
    with pytest.raises(errors.Refused) as error:
        in_place.plan(cluster.session(), NAME, bad)
    assert "backup-failed" in {one.code for one in error.value.reasons}


def test_a_restore_does_not_succeed_over_pods_that_mount_the_previous_claims() -> None:
    """As an earlier release left them: its StatefulSet adopted the pods of one that a tool had recreated."""
    cluster = _cluster(1)
    render.name_claims(cluster.stateful_set(), NEW.claims)
    _lease(cluster, group=group.Note(name=RESTORED))
    cluster.pod("mysql-0")["spec"]["volumes"] = [_volume("data-mysql-0")]
    swap = timeline.Swap(timeline.Timeline("data", GROUP), NEW, 1)
    with pytest.raises(errors.StepFailed, match="mysql-0 runs on previous claims") as failed:
        in_place.execute(cluster.session(), NAME, swap, None)
    assert f"mysqlops restore --revert {NAME}" in (failed.value.hint or "")
    cluster.pod("mysql-0")["spec"]["volumes"] = [_volume(f"{NEW.claims}-mysql-0")]
    assert planning.plan(in_place._see(cluster.session(), NAME, swap), swap) == actions.Done()


def _volume(claim: str) -> dict[str, Any]:
    return {"name": "data", "persistentVolumeClaim": {"claimName": claim}}


def test_a_restore_that_is_run_again_names_the_scale_that_its_group_waits_for() -> None:
    """Killed before its end, it met a `scale` and an outage; the next run waited for a primary until its limit."""
    cluster = _cluster(2)
    render.name_claims(cluster.stateful_set(), NEW.claims)
    for ordinal in range(2):
        cluster.facts[names.pod(NAME, ordinal)] |= {"role": "none", "state": "OFFLINE", "online": 0}
        cluster.store.put({"kind": "PersistentVolumeClaim", "metadata": {"name": f"{NEW.claims}-mysql-{ordinal}"}})
    _lease(cluster, group=group.Note(name=RESTORED, parent=GROUP, members=_members(0, 1, 2)))
    swap = timeline.Swap(timeline.Timeline("data", GROUP), NEW, 3)
    began = cluster.clock.monotonic()
    with pytest.raises(errors.StepFailed, match="it is not formed without mysql-2") as failed:
        in_place.execute(cluster.session(), NAME, swap, None)
    assert f"mysqlops scale {NAME} --replicas 3 brings its pod back" in (failed.value.hint or "")
    assert cluster.clock.monotonic() - began < 60
