"""Backups as volume snapshots: one that is recorded stays, one that is not goes, whatever kills the command between."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import backup, names, target
from mysqlops.operations import backup as backups
from mysqlops.operations import restic, snapshot
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import GROUP, NAME
from tests.unit.fakes.jobs import FAILS, RUNS, VANISHES, Working
from tests.unit.operations.test_backup import NEXT, made
from tests.unit.operations.test_trust import _with_key, bound, stored

WISH = backups.Request(target.Target("t", "/repository", "restic"))


class Listing:
    """The target: what it lists, or why it does not answer."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.failure: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def snapshots(self, *_: Any) -> list[dict[str, Any]]:
        self.meanwhile()
        if self.failure is not None:
            raise self.failure
        return self.entries

    def record(self, cluster: Working, name: str, key: str = "") -> None:
        """As the step `store` of the Job does, and with a key those that seal it."""
        origin = cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]["uid"]
        one = replace(made(1), id=name, cluster=NAME, origin=origin, volume_snapshot=name, method=backup.SNAPSHOT)
        self.entries.append(stored(one, key, f"s-{len(self.entries)}"))


@pytest.fixture
def target_of(monkeypatch: pytest.MonkeyPatch) -> Listing:
    found = Listing()
    monkeypatch.setattr(restic, "snapshots", found.snapshots)
    return found


@pytest.fixture
def cluster(target_of: Listing) -> Working:
    found = Working(3)
    found.words = {"examine": json.dumps(asdict(made(1))), "store": json.dumps({"snapshot_id": "s1"})}
    return found


def _create(cluster: Working, request: backups.Request = WISH, timeout: float = 600.0) -> backup.Backup:
    return snapshot.create(cluster.session(timeout), NAME, request, "fast")


def _snapshots(cluster: Working) -> list[dict[str, Any]]:
    return [one for (kind, _), one in cluster.store.objects.items() if kind == "VolumeSnapshot"]


def _is_recorded(one: dict[str, Any]) -> bool:
    return names.ANNOTATION_PENDING not in one["metadata"]["annotations"]


def _environment(job: dict[str, Any]) -> dict[str, str]:
    pod = job["spec"]["template"]["spec"]
    containers = [*pod["initContainers"], *pod["containers"]]
    return {one["name"]: one.get("value", "") for container in containers for one in container.get("env", [])}


def test_a_snapshot_is_of_a_replica_and_counts_once_a_server_has_read_it(cluster: Working) -> None:
    done = _create(cluster)
    (found,) = _snapshots(cluster)
    assert found["spec"] == {
        "source": {"persistentVolumeClaimName": "data-mysql-1"},
        "volumeSnapshotClassName": "fast",
    }
    (job,) = cluster.jobs
    told = _environment(job)
    assert (told["MEMBER"], told["ROLE"], told["VOLUME_SNAPSHOT"]) == ("mysql-1", "replica", found["metadata"]["name"])
    assert told["AT"] == found["status"]["creationTime"]
    assert told["GROUP"] == GROUP
    assert (done.snapshot, done.target, _is_recorded(found)) == ("s1", "t", True)
    assert ("Job", job["metadata"]["name"]) not in cluster.store.objects


def test_the_member_that_is_asked_for_is_taken(cluster: Working) -> None:
    _create(cluster, backups.Request(WISH.target, member="mysql-0"))
    assert _snapshots(cluster)[0]["spec"]["source"] == {"persistentVolumeClaimName": "data-mysql-0"}
    with pytest.raises(errors.Refused, match="mysql-7: not ONLINE"):
        _create(cluster, backups.Request(WISH.target, member="mysql-7"))
    assert len(_snapshots(cluster)) == 1


def test_one_that_cannot_be_read_is_deleted_again(cluster: Working) -> None:
    cluster.ends = FAILS
    with pytest.raises(errors.StepFailed, match="no space left"):
        _create(cluster)
    assert (_snapshots(cluster), len(cluster.jobs)) == ([], 1)


def test_the_storage_s_own_words_say_why_it_made_none(cluster: Working) -> None:
    cluster.storage = "no such class fast"
    with pytest.raises(errors.StepFailed, match="no such class fast") as error:
        _create(cluster)
    assert (_snapshots(cluster), cluster.jobs) == ([], [])
    assert "--snapshot-class" in str(error.value.hint)


@pytest.mark.parametrize("point", ["CREATE VolumeSnapshot", "CREATE Job"])
def test_a_run_that_was_killed_is_gone_on_with(cluster: Working, point: str) -> None:
    cluster.store.kill_after = lambda text: text.startswith(point)
    with pytest.raises(Killed):
        _create(cluster)
    cluster.store.kill_after = lambda _: False
    _create(cluster)
    (found,) = _snapshots(cluster)
    assert _is_recorded(found)
    assert len(cluster.jobs) == 1
    cluster.clock.sleep(60)
    _create(cluster)
    assert len(_snapshots(cluster)) == 2, "what is recorded is not gone on with"


def test_a_snapshot_of_last_week_is_not_the_backup_that_is_asked_for_now(cluster: Working) -> None:
    cluster.store.kill_after = lambda text: text.startswith("CREATE VolumeSnapshot")
    with pytest.raises(Killed):
        _create(cluster)
    cluster.store.kill_after = lambda _: False
    (old,) = _snapshots(cluster)
    old["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
    cluster.clock.sleep(60)
    _create(cluster)
    (found,) = _snapshots(cluster)
    assert found["metadata"]["name"] != old["metadata"]["name"]
    assert any("taking a new one" in line for line in cluster.said)


def test_a_job_that_outlasts_the_command_is_waited_for_by_the_next(cluster: Working) -> None:
    cluster.ends = RUNS
    with pytest.raises(errors.WaitTimeout):
        _create(cluster, timeout=5.0)
    assert [_is_recorded(one) for one in _snapshots(cluster)] == [False]
    cluster.ends = "succeeds"
    _create(cluster)
    assert [_is_recorded(one) for one in _snapshots(cluster)] == [True]
    assert len(cluster.jobs) == 1


def test_a_job_that_succeeded_has_recorded_the_snapshot_though_its_pod_is_gone(cluster: Working) -> None:
    """It is not deleted, and the next run looks at it again."""
    cluster.ends = VANISHES
    with pytest.raises(errors.StepFailed, match="its pod is gone"):
        _create(cluster)
    assert len(_snapshots(cluster)) == 1
    cluster.ends = "succeeds"
    _create(cluster)
    assert [_is_recorded(one) for one in _snapshots(cluster)] == [True]


def test_a_cluster_without_snapshots_says_who_installs_them(cluster: Working) -> None:
    session = cluster.session()

    def absent(kind: str, *_: Any) -> Any:
        raise errors.NotFound(kind)

    session.client.list = absent  # type: ignore[assignment, method-assign]
    with pytest.raises(errors.Refused) as error:
        snapshot.create(session, NAME, WISH, "")
    assert [one.code for one in error.value.reasons] == ["no-snapshots"]


def _killed_before_recording(cluster: Working, point: str = "CREATE VolumeSnapshot") -> dict[str, Any]:
    cluster.store.kill_after = lambda text: text.startswith(point)
    with pytest.raises(Killed):
        _create(cluster)
    cluster.store.kill_after = lambda _: False
    (found,) = _snapshots(cluster)
    return found


def test_a_recorded_snapshot_is_not_deleted_by_a_later_run_that_fails(cluster: Working, target_of: Listing) -> None:
    """Its Job had recorded it and was deleted by its time limit, after its command had been killed."""
    there = _killed_before_recording(cluster)
    target_of.record(cluster, there["metadata"]["name"])
    cluster.ends = FAILS
    done = _create(cluster)
    assert (done.volume_snapshot, cluster.jobs) == (there["metadata"]["name"], [])
    assert [_is_recorded(one) for one in _snapshots(cluster)] == [True]


def test_one_that_is_recorded_and_not_sealed_is_recorded_again_and_stays_if_that_fails(
    cluster: Working, target_of: Listing
) -> None:
    _with_key(cluster, **{names.KEY_BACKUP_KEY: "the key"})
    there = _killed_before_recording(cluster)
    target_of.record(cluster, there["metadata"]["name"], "the key")
    cluster.ends = FAILS
    with pytest.raises(errors.StepFailed, match="no space left"):
        _create(cluster)
    assert [one["metadata"]["uid"] for one in _snapshots(cluster)] == [there["metadata"]["uid"]]
    target_of.entries = bound(*target_of.entries)
    assert _create(cluster).signed == backup.SIGNED


def test_a_snapshot_stays_while_nobody_knows_whether_it_is_recorded(cluster: Working, target_of: Listing) -> None:
    cluster.ends, target_of.failure = FAILS, errors.StorageError("connection refused")
    with pytest.raises(errors.StepFailed, match="no space left"):
        _create(cluster)
    assert [_is_recorded(one) for one in _snapshots(cluster)] == [False]
    assert "the target may list it: connection refused" in cluster.said[-1]


@pytest.mark.parametrize("other", ["recorded", "of the same name"])
def test_a_failing_run_deletes_no_snapshot_but_its_own(cluster: Working, target_of: Listing, other: str) -> None:
    """Another run has gone on with it and recorded it, or somebody made another one under its name."""

    def meanwhile() -> None:
        target_of.meanwhile = lambda: None
        ((key, found),) = [item for item in cluster.store.objects.items() if item[0][0] == "VolumeSnapshot"]
        if other == "recorded":
            found["metadata"]["annotations"] = {}
        else:
            del cluster.store.objects[key]
            cluster.store.put({**found, "metadata": {**found["metadata"], "uid": "another"}})

    cluster.ends, target_of.meanwhile = FAILS, meanwhile
    with pytest.raises(errors.StepFailed):
        _create(cluster)
    assert len(_snapshots(cluster)) == 1


def test_a_later_run_records_what_the_snapshot_was_taken_of(cluster: Working) -> None:
    """The group has another name by then, and another primary."""
    there = _killed_before_recording(cluster)
    cluster.rename(NEXT)
    cluster.facts["mysql-1"]["role"], cluster.facts["mysql-0"]["role"] = "primary", "replica"
    cluster.settle()
    _create(cluster)
    told = _environment(cluster.jobs[-1])
    assert (told["MEMBER"], told["ROLE"], told["GROUP"]) == ("mysql-1", "replica", GROUP)
    assert told["VOLUME_SNAPSHOT"] == there["metadata"]["name"]


def test_one_of_an_older_release_is_gone_on_with(cluster: Working) -> None:
    there = _killed_before_recording(cluster)
    cluster.store.objects["VolumeSnapshot", there["metadata"]["name"]]["metadata"]["annotations"] = {
        names.ANNOTATION_PENDING: "mysql-2"
    }
    _create(cluster)
    told = _environment(cluster.jobs[-1])
    assert (told["MEMBER"], told["ROLE"], told["GROUP"]) == ("mysql-2", "replica", GROUP)


def test_a_history_that_begins_while_the_snapshot_is_taken_is_nobodys(cluster: Working) -> None:
    def renamed(text: str) -> bool:
        if text.startswith("CREATE VolumeSnapshot"):
            cluster.rename(NEXT)
        return False

    cluster.store.kill_after = renamed
    with pytest.raises(errors.StepFailed, match="another history while VolumeSnapshot"):
        _create(cluster)
    assert (_snapshots(cluster), cluster.jobs) == ([], [])


def test_a_snapshot_that_waits_for_one_target_is_recorded_in_no_other(cluster: Working) -> None:
    _killed_before_recording(cluster)
    elsewhere = replace(WISH, target=replace(WISH.target, name="offsite"))
    with pytest.raises(errors.OperationLocked, match="not recorded in target t yet") as error:
        _create(cluster, elsewhere)
    assert "--target t" in str(error.value.hint)
    _create(cluster)
    assert [_is_recorded(one) for one in _snapshots(cluster)] == [True]


def test_an_answer_that_is_no_list_is_not_an_empty_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for answer in ("", "{}", "[1]", '[{"id": "s1"', "[" * 100_000):
        monkeypatch.setattr(restic, "run", lambda *_, told=answer: told)
        with pytest.raises(errors.StorageError, match="not a list of snapshots"):
            restic.snapshots(Working(1).session(), WISH.target)
    for answer in ("[]\n", "null\n"):
        monkeypatch.setattr(restic, "run", lambda *_, told=answer: told)
        assert restic.snapshots(Working(1).session(), WISH.target) == []


def test_a_job_that_has_recorded_the_snapshot_is_a_success_though_its_pod_is_gone(
    cluster: Working, target_of: Listing
) -> None:
    def meanwhile() -> None:
        target_of.entries = []
        target_of.record(cluster, _snapshots(cluster)[0]["metadata"]["name"])

    cluster.ends, target_of.meanwhile = VANISHES, meanwhile
    done = _create(cluster)
    assert done.volume_snapshot == _snapshots(cluster)[0]["metadata"]["name"]
    assert [_is_recorded(one) for one in _snapshots(cluster)] == [True]
    assert not [key for key in cluster.store.objects if key[0] == "Job"]
