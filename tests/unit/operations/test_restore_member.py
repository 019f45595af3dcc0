"""restore --member: a backup onto one member's new claim, from wherever the command was killed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import backup, names, ordered, target, timeline
from mysqlops.core.typed import Json
from mysqlops.operations import claims, in_place, member, restore, restore_member, timeline_notes
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import GROUP, NAME, ONLINE
from tests.unit.fakes.jobs import FAILS, RUNS, Working
from tests.unit.operations.test_backup import made, proven

TARGET = target.Target("t", "/repository", "restic")
POD = "mysql-2"


class Restoring(Working):
    """The Job of the restore puts the backup onto the claim; the member takes the rest from the group, once its pod no
    longer waits for the Job. `purged` is what no member has binary logs for any more."""

    def __init__(self) -> None:
        super().__init__(3)
        self.purged = ""
        self.filled_before_start = False
        self.clock.turn = self._turn
        self.words = {"check": json.dumps({"of": "b"})}
        lease = self.store.objects["Lease", names.group_lease(NAME)]
        self.chosen = made(1, cluster=NAME, origin=lease["metadata"]["uid"], group=GROUP, gtid=f"{GROUP}:1-3")

    def _answer(self, pod: str, words: Sequence[str]) -> Json:
        found = super()._answer(pod, words)
        return {**found, "purged": self.purged} if words[0] == "gtids" else found

    def _turn(self) -> None:
        if self.held(POD) or POD in ordered.filling(self.notes()):
            return
        filling = [one for one in self.jobs if one["metadata"]["name"] == names.restore_job(NAME)]
        self.filled_before_start = bool(filling) and filling[-1].get("status") is not None
        self.write(POD, f"{GROUP}:1-5")
        self.facts[POD] = {**ONLINE, "role": "replica", "online": 3}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Restoring:
    monkeypatch.setattr(restore, "check_image", lambda *_: None)  # tries an image in a pod
    monkeypatch.setattr(claims, "_TOLD_SECONDS", 1.0)
    return Restoring()


def _restore(cluster: Restoring, timeout: float = 60.0, **more: Any) -> None:
    chosen = more.pop("chosen", cluster.chosen)
    restore_member.execute(cluster.session(timeout), NAME, POD, chosen, TARGET, accept_loss=False, **more)


def _killed(cluster: Restoring, point: str) -> None:
    cluster.store.kill_after = lambda text: point in text
    with pytest.raises(Killed):
        _restore(cluster)
    cluster.store.kill_after = lambda _: False


def _refused(cluster: Restoring, chosen: backup.Backup) -> set[str]:
    with pytest.raises(errors.Refused) as error:
        restore_member.check(cluster.session(60.0), NAME, POD, chosen, accept_loss=False)
    return {one.code for one in error.value.reasons}


def test_a_member_begins_with_the_backup_and_takes_the_rest_from_the_group(cluster: Restoring) -> None:
    _restore(cluster)
    assert cluster.lost == {f"data-{POD}": f"{GROUP}:1-5"}
    assert cluster.filled_before_start, "its pod waits until the Job is done"
    assert names.ANNOTATION_FILLING not in cluster.notes()
    assert names.ANNOTATION_REBUILDING not in cluster.notes()
    (job,) = cluster.jobs
    claims = [
        one.get("persistentVolumeClaim", {}).get("claimName") for one in job["spec"]["template"]["spec"]["volumes"]
    ]
    assert f"data-{POD}" in claims


POINTS = ("mysqlops.io/filling", "DELETE PersistentVolumeClaim", "DELETE Pod mysql-2", "CREATE Job", "DELETE Job")


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_was_killed_anywhere_ends_as_if_it_had_not_been(cluster: Restoring, point: str) -> None:
    _killed(cluster, point)
    _restore(cluster)
    assert cluster.lost == {f"data-{POD}": f"{GROUP}:1-5"}, "the claim that is being filled is not deleted"
    assert cluster.filled_before_start
    assert names.ANNOTATION_FILLING not in cluster.notes()
    assert names.ANNOTATION_REBUILDING not in cluster.notes()


def test_a_job_that_fails_leaves_the_member_waiting_for_the_next_run(cluster: Restoring) -> None:
    """A pod that starts on a claim which is half full would begin with it."""
    cluster.ends = FAILS
    with pytest.raises(errors.StepFailed, match="no space left"):
        _restore(cluster)
    assert ordered.filling(cluster.notes()) == {POD: cluster.chosen.id}
    cluster.ends = "succeeds"
    _restore(cluster)
    assert cluster.filled_before_start
    assert len(cluster.lost) == 1


def test_another_backup_does_not_come_onto_the_claim_that_one_is_filling(cluster: Restoring) -> None:
    cluster.ends = RUNS
    with pytest.raises(errors.WaitTimeout):
        _restore(cluster, timeout=5.0)
    other = replace(cluster.chosen, id="mysql-20250101-000000")
    assert "restore-open" in _refused(cluster, other)
    cluster.ends = "succeeds"
    _restore(cluster)
    assert len(cluster.lost) == 1


def test_a_rebuild_instead_of_a_restore_asks_for_the_loss_of_what_it_filled(cluster: Restoring) -> None:
    cluster.ends = RUNS
    with pytest.raises(errors.WaitTimeout):
        _restore(cluster, timeout=5.0)
    cluster.silence(POD)
    del cluster.store.objects["Pod", POD]
    with pytest.raises(errors.Refused) as error:
        member.rebuild(cluster.session(60.0), NAME, POD, accept_loss=False)
    assert [one.code for one in error.value.reasons] == ["unknown-data"]


def test_a_killed_run_does_not_go_on_once_its_backup_is_of_a_history_that_has_ended(cluster: Restoring) -> None:
    """`recover` came between: the member would begin with it and bar itself, and the command would wait for nothing."""
    _killed(cluster, "DELETE Pod mysql-2")
    before = replace(cluster.chosen, group="22222222-2222-2222-2222-222222222222")
    with pytest.raises(errors.Refused) as error:
        _restore(cluster, chosen=before)
    (reason,) = error.value.reasons
    assert (reason.code, reason.hint) == ("other-history", f"mysqlops member rebuild {NAME} {POD}")
    assert cluster.jobs == []
    member.rebuild(cluster.session(60.0), NAME, POD, accept_loss=False)
    assert names.ANNOTATION_FILLING not in cluster.notes()
    assert names.ANNOTATION_REBUILDING not in cluster.notes()


def test_what_cannot_become_a_member_s_data_is_refused_before_anything_goes(cluster: Restoring) -> None:
    chosen = cluster.chosen
    assert _refused(cluster, proven(chosen, ok=False)) == {"backup-failed"}
    assert _refused(cluster, replace(chosen, group="22222222-2222-2222-2222-222222222222")) == {"other-history"}
    assert _refused(cluster, replace(chosen, origin="another cluster of the name")) == {"other-history"}
    assert _refused(cluster, replace(chosen, volume_snapshot="s")) == {"not-an-archive"}
    assert _refused(cluster, replace(chosen, gtid=f"{GROUP}:1-9")) == {"cannot-catch-up"}, "the group lacks some of it"
    cluster.purged = f"{GROUP}:1-4"
    assert _refused(cluster, chosen) == {"cannot-catch-up"}, "the others no longer have what came after it"
    assert (cluster.lost, cluster.jobs) == ({}, [])


def test_a_member_that_alone_holds_something_is_not_restored_over(cluster: Restoring) -> None:
    cluster.write(POD, f"{GROUP}:1-7")
    assert _refused(cluster, cluster.chosen) == {"only-copy"}


SWAP = timeline.Swap(timeline.Timeline("data", GROUP), timeline.Timeline("data-r20260101000000", "g2"), 3, "b1")


def _swap_is_open(cluster: Restoring) -> None:
    """By a restore in place that was killed while its Job filled the new claim."""
    timeline_notes.write(cluster.session(), NAME, {names.ANNOTATION_RESTORING: timeline.dump(SWAP)})


def test_a_restore_onto_a_member_waits_for_the_end_of_one_in_place(cluster: Restoring) -> None:
    """Both use the same Job, and the members are about to be stopped."""
    _swap_is_open(cluster)
    before, orders_before = len(cluster.store.log), cluster.notes()
    with pytest.raises(errors.Refused) as error:
        _restore(cluster)
    (reason,) = error.value.reasons
    assert reason.code == "restore-open"
    assert (
        reason.hint == f"mysqlops restore b1 --in-place {NAME} continues it; mysqlops restore --revert {NAME} ends it"
    )
    assert _refused(cluster, cluster.chosen) == {"restore-open"}
    assert (cluster.store.log[before:], cluster.notes(), cluster.lost) == ([], orders_before, {})


def _killed_onto_a_member(cluster: Restoring) -> None:
    cluster.ends = RUNS
    with pytest.raises(errors.WaitTimeout):
        _restore(cluster, timeout=5.0)


@pytest.mark.parametrize("is_open", [False, True])
def test_a_restore_in_place_waits_for_the_end_of_one_onto_a_member(cluster: Restoring, is_open: bool) -> None:
    """Its pod would wait for that backup on the claims of the new timeline too."""
    _killed_onto_a_member(cluster)
    chosen = replace(cluster.chosen, id="b1") if is_open else cluster.chosen
    if is_open:
        _swap_is_open(cluster)
    with pytest.raises(errors.Refused) as error:
        in_place.plan(cluster.session(), NAME, in_place.Source(chosen, TARGET))
    reason = error.value.reasons[0]
    assert (reason.code, POD in reason.message) == ("restore-open", True)
    assert reason.hint is not None
    assert reason.hint.startswith(f"mysqlops restore {cluster.chosen.id} --member {POD} continues it")
    assert reason.hint.endswith(f"mysqlops member rebuild {NAME} {POD} ends it")


def test_reverting_what_an_older_release_left_open_leaves_the_members_job_alone(cluster: Restoring) -> None:
    """The way out if both are open."""
    _killed_onto_a_member(cluster)
    _swap_is_open(cluster)
    swap = in_place.plan_revert(cluster.session(), NAME)
    cluster.store.kill_after = lambda text: names.ANNOTATION_RESTORING in text
    with pytest.raises(Killed):
        in_place.execute(cluster.session(), NAME, swap, None)
    assert ("Job", names.restore_job(NAME)) in cluster.store.objects
