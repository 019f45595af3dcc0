"""Backups as volume snapshots: one that is recorded stays, one that is not goes, whatever kills the command between."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import backup, names, target
from mysqlops.operations import backup as backups
from mysqlops.operations import snapshot
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import NAME
from tests.unit.fakes.jobs import FAILS, RUNS, VANISHES, Working
from tests.unit.test_backup import made

WISH = backups.Request(target.Target("t", "/repository", "restic"))


@pytest.fixture
def cluster() -> Working:
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
