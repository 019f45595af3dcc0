"""What a prune or a delete leaves alone while backups are made, and that one such command at a time is at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import backup, binlog, making, names, retention, snapshot_notes, timeline
from mysqlops.operations import lock, orders, pruning, restic
from mysqlops.operations.session import Session
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.operations.test_backup import GROUP, NOW, TARGET, made
from tests.unit.operations.test_trust import _own, _with_key, bound, stored

VOLUME = {**names.selector(NAME), names.LABEL_STEPS: "snapshot"}
RUN = restic.run
LAST = retention.Policy(last=1)
JOB = {"template": {"spec": {"volumes": [{"name": "target", "secret": {"secretName": TARGET.secret}}]}}}


class World(Cluster):
    """A target, as `restic` lists it, and what it was asked to forget."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(1)
        _with_key(self, **{names.KEY_BACKUP_KEY: "the key"})
        self.entries: list[dict[str, Any]] = []
        self.forgotten: list[str] = []
        self.clock.wall = NOW + timedelta(days=3)
        monkeypatch.setattr(restic, "snapshots", lambda *_: self.entries)
        monkeypatch.setattr(restic, "run", self.run)

    def run(self, session: Session, _: Any, *words: str) -> str:
        session.client._check("Job")
        assert ("Lease", TARGET.lease) in self.store.objects
        self.forgotten += words[4:]
        self.entries = [one for one in self.entries if one["id"] not in words]
        self.store.done("FORGET")
        return ""

    def chunk(self, number: int, ago: timedelta) -> dict[str, Any]:
        """Chunks that follow each other, but no backup."""
        at = f"{self.clock.now() - ago:%Y-%m-%dT%H:%M:%S.%fZ}"
        before, came = f"{GROUP}:1-{number * 10 + 10}", f"{GROUP}:{number * 10 + 11}-{number * 10 + 20}"
        facts = (f"c{number}", NAME, "db", _own(self, 1).origin, GROUP, before, came)
        one = binlog.Chunk(*facts, transactions=10, first=at, last=at, until=at, number=number)
        return {"id": f"log{number}", "tags": binlog.tags(one, "the key")}

    def begins(self, step: str, ago: timedelta = timedelta(0), **volumes: Any) -> None:
        """A Job that makes a backup, of a command or a schedule."""
        labels = {**names.selector(NAME), names.LABEL_STEPS: step}
        at = f"{self.clock.now() - ago:%Y-%m-%dT%H:%M:%SZ}"
        metadata = {"name": "mysql-backup-now", "labels": labels, "creationTimestamp": at}
        self.store.put({"kind": "Job", "metadata": metadata, "spec": JOB, "status": {}, **volumes})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_logs_that_a_backup_in_the_making_may_need_stay(world: World) -> None:
    """After a gap no listed backup needs the logs, and the backup that will is in no list yet."""
    old, middle, young, last = (
        world.chunk(number, timedelta(hours=hours)) for number, hours in enumerate((70, 50, 20, 1))
    )
    gone, stays = _own(world, 1), replace(_own(world, 2), at="2026-11-24T13:00:00Z")
    world.entries = [*bound(stored(gone, "the key", "s1"), stored(stays, "the key", "s2")), old, middle, young, last]
    there = list(world.entries)
    pruning.prune(world.session(), NAME, TARGET, LAST)
    assert {"s1", "log0", "log1"} <= set(world.forgotten)
    assert not {"s2", "log2", "log3"} & set(world.forgotten)
    world.forgotten.clear()
    world.entries = there
    annotations = {names.ANNOTATION_PENDING: "mysql-0"}
    at = f"{world.clock.now() - timedelta(hours=40):%Y-%m-%dT%H:%M:%SZ}"
    metadata = {"name": "v", "labels": VOLUME, "annotations": annotations, "creationTimestamp": at}
    world.store.put({"kind": "VolumeSnapshot", "metadata": metadata})
    pruning.prune(world.session(), NAME, TARGET, LAST)
    assert {"s1", "log0"} <= set(world.forgotten)
    assert "log1" not in world.forgotten, "the volume snapshot is of 40 hours ago, and not recorded yet"


@pytest.mark.parametrize("step", ["create", "backup"])
def test_a_backup_that_is_stored_and_not_sealed_yet_is_not_deleted(world: World, step: str) -> None:
    world.clock.wall = NOW + timedelta(days=5)
    sealed = replace(_own(world, 2), id=f"{NAME}-20261129-000000", at="2026-11-29T00:00:00Z")
    in_work = replace(_own(world, 1), id=f"{NAME}-20261129-115900")
    world.entries = [*bound(stored(sealed, "the key", "s1")), stored(in_work, "the key", "new1")]
    world.begins(step)
    pruning.prune(world.session(), NAME, TARGET, LAST)
    assert world.forgotten == []
    with pytest.raises(errors.Refused, match="may be the backup that is being made: mysql-backup-now"):
        pruning.delete(world.session(), TARGET, in_work.id)
    del world.store.objects["Job", "mysql-backup-now"]
    pruning.delete(world.session(), TARGET, in_work.id)
    assert world.forgotten == ["new1"]


def _delete(world: World, chosen: backup.Backup) -> None:
    pruning.delete(world.session(), TARGET, chosen.id)


def _prune(world: World, _: backup.Backup) -> None:
    pruning.prune(world.session(), NAME, TARGET, LAST)


@pytest.mark.parametrize("act", [_delete, _prune])
@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_no_backup_is_deleted_while_a_job_removes_others(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str, act: Callable[[World, backup.Backup], None]
) -> None:
    """The verification of the second one came between the two looks: the Job goes by it and removes the first one."""
    world.clock.wall = NOW + timedelta(days=5)
    first, second, third = (replace(_own(world, number), at=f"2026-11-24T12:0{number}:00Z") for number in (1, 2, 3))
    check = backup.Verification(first.id, first.at, True, 3.0, of_snapshot="s1")
    ids = {"s1": first, "s2": second, "s3": third}
    entries = [*bound(*(stored(one, "the key", name) for name, one in ids.items()), stored(check, "the key", "v1"))]
    pod = {**JOB["template"]["spec"], "initContainers": [{"name": "forget"}], "containers": [{"name": "end"}]}
    spec = {"template": {"spec": pod}}

    def snapshots(*_: Any) -> list[dict[str, Any]]:
        if moment == "during":
            world.begins("backup", timedelta(seconds=20), spec=spec)
        if moment == "before":
            del world.store.objects["Job", "mysql-backup-now"]
        return entries

    monkeypatch.setattr(restic, "snapshots", snapshots)
    if moment == "before":
        world.begins("backup", timedelta(seconds=20), spec=spec)
    if moment != "after":
        with pytest.raises(errors.Refused, match="Job mysql-backup-now may be removing backups"):
            act(world, second)
        assert world.forgotten == []
    else:
        act(world, second)
        assert "s2" in world.forgotten


@pytest.mark.parametrize("act", [_delete, _prune])
@pytest.mark.parametrize("what", ["sleeps", "a Job begins"])
def test_what_happens_before_a_backup_is_removed_keeps_it(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str, act: Callable[[World, backup.Backup], None]
) -> None:
    """A laptop was closed, or a schedule began: a Job may have removed the other good backup meanwhile."""
    first, second, third = (replace(_own(world, number), at=f"2026-11-24T12:0{number}:00Z") for number in (1, 2, 3))
    check = backup.Verification(first.id, first.at, True, 3.0, of_snapshot="s1")
    ids = {"s1": first, "s2": second, "s3": third}
    entries = [*bound(*(stored(one, "the key", name) for name, one in ids.items()), stored(check, "the key", "v1"))]
    looks = list[int]()

    def snapshots(*_: Any) -> list[dict[str, Any]]:
        looks.append(1)
        if what == "sleeps" and len(looks) == 1:
            world.clock.wall += timedelta(hours=3)
        if what != "sleeps" and len(looks) == 2:
            pod = {**JOB["template"]["spec"], "containers": [{"name": "forget"}]}
            world.begins("backup", spec={"template": {"spec": pod}})
        return entries

    monkeypatch.setattr(restic, "snapshots", snapshots)
    kept = pytest.raises(errors.StepFailed, match="is based on the state at")
    beside = pytest.raises(errors.Refused, match="Job mysql-backup-now may be removing backups")
    with kept if what == "sleeps" else beside:
        act(world, second)
    assert world.forgotten == []


def test_a_second_delete_waits_for_the_job_of_one_that_was_killed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for restic's lock, or for its image: until then its backup is listed, and a verification that comes now
    would let the other good one go for its sake."""
    other, one, newest = (replace(_own(world, number), at=f"2026-11-24T12:0{number}:00Z") for number in (1, 2, 3))
    ids = {"s1": other, "s2": one, "s3": newest}
    checks = [backup.Verification(of.id, of.at, True, 3.0, of_snapshot=snapshot) for snapshot, of in ids.items()]
    world.entries = [*bound(*(stored(of, "the key", name) for name, of in ids.items()))]
    world.entries.append(stored(checks[0], "the key", "v1"))
    left = list[dict[str, Any]]()

    def kill(text: str) -> bool:
        left.extend(job for (kind, _), job in world.store.objects.items() if kind == "Job")
        return text.startswith("CREATE Job")

    monkeypatch.setattr(restic, "run", RUN)
    world.store.kill_after = kill
    with pytest.raises(Killed):
        pruning.delete(world.session(), TARGET, one.id)
    world.store.kill_after = lambda _: False
    monkeypatch.setattr(restic, "run", world.run)
    world.store.put(left[0])  # nobody deleted it: the command was dead
    world.entries.append(stored(checks[1], "the key", "v2"))
    for act in (_delete, _prune):
        with pytest.raises(errors.Refused, match=r"Job restic-local-.* may be removing backups"):
            act(world, other)
    assert world.forgotten == []
    del world.store.objects["Job", left[0]["metadata"]["name"]]
    pruning.delete(world.session(), TARGET, other.id)
    assert "s1" in world.forgotten


def _restoring(world: World, one: backup.Backup) -> None:
    swap = timeline.Swap(timeline.Timeline("data", GROUP), timeline.Timeline("data-r20260101000000", "new"), 1, one.id)
    annotations = {names.ANNOTATION_RESTORING: timeline.dump(swap)}
    world.session().client.patch("Lease", names.group_lease(NAME), {"metadata": {"annotations": annotations}})


def _filling(world: World, one: backup.Backup) -> None:
    orders.write(world.session().client, NAME, filling={"mysql-0": one.id})


def _new_cluster(world: World, one: backup.Backup) -> None:
    metadata = {"name": "data-copy-0", "labels": names.selector("copy")}
    annotations = {names.ANNOTATION_RESTORED: one.id}
    world.store.put({"kind": "PersistentVolumeClaim", "metadata": {**metadata, "annotations": annotations}})


def _fetching(world: World, one: backup.Backup) -> None:
    env = [{"name": "BACKUP_ID", "value": one.id}, {"name": "SNAPSHOT", "value": "s1"}]
    pod = {**JOB["template"]["spec"], "initContainers": [{"name": "fetch", "env": env}], "containers": []}
    world.begins("restore", spec={"template": {"spec": pod}})


def _exporting(world: World, _: backup.Backup) -> None:
    container = {"name": "export", "command": ["sh", "restic.sh", "export", "s1", "it.tar"]}
    world.begins("export", spec={"template": {"spec": {**JOB["template"]["spec"], "containers": [container]}}})


@pytest.mark.parametrize("read", [_restoring, _filling, _new_cluster, _fetching, _exporting])
def test_a_backup_that_a_restore_reads_or_will_when_it_is_run_again_stays(
    world: World, monkeypatch: pytest.MonkeyPatch, read: Callable[[World, backup.Backup], None]
) -> None:
    one, other = (replace(_own(world, number), at=f"2026-11-24T12:0{number}:00Z") for number in (1, 2))
    before = dict(world.store.objects)
    world.entries = there = [*bound(stored(one, "the key", "s1"), stored(other, "the key", "s2"))]
    read(world, one)
    with pytest.raises(errors.Refused) as error:
        pruning.delete(world.session(), TARGET, one.id)
    assert [reason.code for reason in error.value.reasons] == ["backup-in-use"]
    assert pruning.prune(world.session(), NAME, TARGET, LAST) == []
    assert world.forgotten == []
    world.store.objects = before
    world.session().client.patch(
        "Lease", names.group_lease(NAME), {"metadata": {"annotations": {names.ANNOTATION_RESTORING: None}}}
    )
    orders.write(world.session().client, NAME, filling={})

    def begins_late(*_: Any) -> list[dict[str, Any]]:
        if there is not world.entries:
            read(world, one)
        world.entries = [*there]
        return there

    monkeypatch.setattr(restic, "snapshots", begins_late)
    with pytest.raises(errors.Refused) as error:  # between the decision and the removal
        pruning.delete(world.session(), TARGET, one.id)
    assert [reason.code for reason in error.value.reasons] == ["backup-in-use"]
    assert world.forgotten == []


def test_what_a_reverted_restore_left_on_its_claim_keeps_no_backup(world: World) -> None:
    one, other = (replace(_own(world, number), at=f"2026-11-24T12:0{number}:00Z") for number in (1, 2))
    world.entries = [*bound(stored(one, "the key", "s1"), stored(other, "the key", "s2"))]
    metadata = {"name": "data-r20260101000000-mysql-0", "labels": names.selector(NAME)}
    annotations = {names.ANNOTATION_RESTORED: one.id}
    world.store.put({"kind": "PersistentVolumeClaim", "metadata": {**metadata, "annotations": annotations}})
    pruning.delete(world.session(), TARGET, one.id)
    assert "s1" in world.forgotten


def test_a_job_of_another_cluster_or_that_removes_nothing_is_no_reason(world: World) -> None:
    there = replace(_own(world, 2), id=f"{NAME}-20261125-000000", at="2026-11-25T00:00:00Z")
    world.entries = [*bound(stored(there, "the key", "s1"), stored(_own(world, 1), "the key", "s0"))]
    world.begins("verify")
    world.store.objects["Job", "mysql-backup-now"]["metadata"]["labels"] |= names.selector("other")
    pod = {**JOB["template"]["spec"], "containers": [{"name": "forget"}]}
    world.store.objects["Job", "mysql-backup-now"]["spec"] = {"template": {"spec": pod}}
    pruning.delete(world.session(), TARGET, f"{NAME}-20261124-000001")
    assert "s0" in world.forgotten


def test_what_a_killed_job_left_unsealed_goes_in_the_end(world: World) -> None:
    dead = _own(world, 1)
    there = replace(dead, id=f"{NAME}-20261125-000000", at="2026-11-25T00:00:00Z")
    world.entries = [*bound(stored(there, "the key", "s1")), stored(dead, "the key", "dead")]
    pruning.prune(world.session(), NAME, TARGET, LAST)
    assert world.forgotten == ["dead"]


def test_one_command_at_a_time_removes_from_a_target(world: World) -> None:
    """Each would judge by what the other is removing: the last good backup among it."""
    one, other = (replace(_own(world, number), at=f"2026-11-24T12:0{number}:00Z") for number in (1, 2))
    world.entries = [*bound(stored(one, "the key", "s1"), stored(other, "the key", "s2"))]
    live = lock.Holding(world.session(), lock.of_target(TARGET), "backup target rotate by somebody")
    live.take()
    world.clock.turn = live.renew
    for act in (
        lambda: pruning.prune(world.session(), NAME, TARGET, LAST),
        lambda: pruning.delete(world.session(), TARGET, one.id),
    ):
        with pytest.raises(errors.OperationLocked, match="target local is being changed: backup target rotate"):
            act()
    assert world.forgotten == []
    live.release()
    world.clock.turn = lambda: None
    pruning.delete(world.session(), TARGET, one.id)
    assert set(world.forgotten) == {"s1", "b-s1"}


def test_the_moment_in_an_id_is_when_its_backup_began() -> None:
    assert making.began(made(93000)) == datetime.fromisoformat("2026-11-24T09:30:00Z")
    assert not making.at_most(NOW).spares(replace(made(93000), signed=backup.SIGNED))
    assert making.at_most(NOW).spares(replace(made(93000), signed=backup.FACTS))


def _of_volume(world: World) -> tuple[backup.Backup, backup.Backup]:
    """A backup as a VolumeSnapshot, and a newer one."""
    old = replace(_own(world, 1), volume_snapshot=_own(world, 1).id, method=backup.SNAPSHOT)
    new = replace(_own(world, 2), at="2026-11-24T13:00:00Z")
    check = backup.Verification(old.id, old.at, ok=True, seconds=1.0)
    notes = [{"id": "v-s1", "tags": backup.tags(check, "the key")}]
    world.entries = [*bound(stored(old, "the key", "s1"), stored(new, "the key", "s2")), *notes]
    world.entries += [{"id": "v-s2", "tags": backup.tags(replace(check, of=new.id), "the key")}]
    world.store.put({"kind": "VolumeSnapshot", "metadata": {"name": old.id, "labels": VOLUME}})
    return old, new


def _volumes(world: World) -> list[str]:
    return [name for kind, name in world.store.objects if kind == "VolumeSnapshot"]


@pytest.mark.parametrize("point", ["PATCH VolumeSnapshot", "FORGET", "DELETE VolumeSnapshot"])
@pytest.mark.parametrize("again", ["delete", "prune"])
def test_what_a_killed_run_left_goes_with_the_next(world: World, point: str, again: str) -> None:
    old, _ = _of_volume(world)
    world.entries = [one for one in world.entries if one["id"] != "v-s1"] if again == "prune" else world.entries
    world.store.kill_after = lambda text: text.startswith(point)
    with pytest.raises(Killed):
        pruning.prune(world.session(), NAME, TARGET, LAST)
    world.store.kill_after = lambda _: False
    assert old.id in _volumes(world) or "s1" in world.forgotten, "a backup that is listed has its data"
    if again == "delete" and point != "DELETE VolumeSnapshot":
        pruning.delete(world.session(), TARGET, old.id)
    else:
        pruning.prune(world.session(), NAME, TARGET, LAST)
    assert _volumes(world) == []
    assert {one["id"] for one in world.entries} == {"s2", "b-s2", "v-s2"}
    with pytest.raises(errors.Refused, match="no such backup"):
        pruning.delete(world.session(), TARGET, old.id)


def test_records_without_their_backup_go_with_the_next_run(world: World) -> None:
    """restic forgets one after another."""
    old, _ = _of_volume(world)
    del world.store.objects["VolumeSnapshot", old.id]
    world.entries = [one for one in world.entries if one["id"] != "s1"]
    assert pruning.delete_plan(world.session(), TARGET, old.id) == (None, pruning.Left(("v-s1", "b-s1")))
    pruning.delete(world.session(), TARGET, old.id)
    assert world.forgotten == ["v-s1", "b-s1"]


def test_a_volume_snapshot_that_another_target_lists_or_that_nobody_was_deleting_stays(world: World) -> None:
    old, _ = _of_volume(world)
    world.entries = [one for one in world.entries if one["id"] not in ("s1", "b-s1", "v-s1")]
    for mark in ({}, {snapshot_notes.ANNOTATION_DELETING: "offsite"}):
        world.store.objects["VolumeSnapshot", old.id]["metadata"]["annotations"] = mark
        pruning.prune(world.session(), NAME, TARGET, LAST)
        with pytest.raises(errors.Refused, match="no such backup"):
            pruning.delete(world.session(), TARGET, old.id)
        assert _volumes(world) == [old.id]


def test_a_prune_that_removes_no_backup_removes_the_logs_that_a_killed_run_left(world: World) -> None:
    one = _own(world, 1)
    world.entries = [*bound(stored(one, "the key", "s1")), world.chunk(1, timedelta(hours=70))]
    world.entries.append(world.chunk(2, timedelta(hours=50)))
    assert pruning.prune(world.session(), NAME, TARGET, LAST) == []
    assert world.forgotten == ["log1"]


@pytest.mark.parametrize("beside", ["the key", ""])
@pytest.mark.parametrize("policy", [retention.Policy(hourly=9), retention.Policy(last=2)])
def test_a_volume_snapshot_goes_with_the_last_of_its_entries(
    world: World, beside: str, policy: retention.Policy
) -> None:
    """A Job that was killed before it sealed its entry leaves one beside that of the next Job, and anybody who may
    write to the repository can add one."""
    old, _ = _of_volume(world)
    world.entries = [stored(old, beside, "s0"), *world.entries]
    pruning.prune(world.session(), NAME, TARGET, policy)
    assert (world.forgotten, _volumes(world)) == (["s0"], [old.id])
    assert snapshot_notes.ANNOTATION_DELETING not in str(world.store.objects["VolumeSnapshot", old.id])
    pruning.delete(world.session(), TARGET, old.id)
    assert (set(world.forgotten), _volumes(world)) == ({"s0", "s1", "b-s1", "v-s1"}, [])


def test_a_volume_snapshot_of_two_entries_goes_if_both_go(world: World) -> None:
    old, _ = _of_volume(world)
    world.entries = [stored(old, "the key", "s0"), *(one for one in world.entries if one["id"] != "v-s1")]
    pruning.prune(world.session(), NAME, TARGET, LAST)
    assert {"s0", "s1"} <= set(world.forgotten)
    assert _volumes(world) == []
