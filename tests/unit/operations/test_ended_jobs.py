"""A Job that is over when a command meets it: what it can still report counts, and nothing else is repeated."""

from __future__ import annotations

from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import names
from mysqlops.operations import jobs
from tests.unit.fakes.cluster import NAME
from tests.unit.fakes.jobs import FAILS, VANISHES, Working

JOB: dict[str, Any] = {"metadata": {"name": "mysql-backup-x-v", "labels": names.selector(NAME)}, "spec": {}}


@pytest.fixture
def cluster() -> Working:
    return Working(1)


def _run(cluster: Working) -> dict[str, Any]:
    return jobs.run(cluster.session(), JOB, lambda *_: "", "verify-refused")


def _ended(cluster: Working, kind: str) -> None:
    status = {"conditions": [{"type": kind, "status": "True"}]}
    cluster.store.put({"kind": "Job", **JOB, "status": status})


def test_a_job_whose_work_must_not_be_done_twice_is_not_run_again(cluster: Working) -> None:
    """The final copy of an adoption: the cluster may have newer rows by then."""
    _ended(cluster, "Complete")
    with pytest.raises(errors.StepFailed, match="has completed, but its pod is gone"):
        jobs.run(cluster.session(), JOB, lambda *_: "", "adopt-refused", is_repeatable=False)
    assert len(cluster.jobs) == 1


@pytest.mark.parametrize("kind", ["Complete", "Failed"])
def test_a_job_that_can_report_nothing_any_more_is_run_again(cluster: Working, kind: str) -> None:
    """It would be an error for each command until its time limit deletes it."""
    _ended(cluster, kind)
    uid = cluster.store.objects["Job", "mysql-backup-x-v"]["metadata"]["uid"]
    assert _run(cluster)["status"]["phase"] == "Succeeded"
    assert cluster.jobs[-1]["metadata"]["uid"] != uid


def test_the_error_of_an_attempt_is_not_that_of_a_job_that_completed(cluster: Working) -> None:
    _ended(cluster, "Complete")
    state = {"terminated": {"exitCode": 1, "message": "no space left", "reason": "Error"}}
    uid = cluster.store.objects["Job", "mysql-backup-x-v"]["metadata"]["uid"]
    owner = {"kind": "Job", "name": "mysql-backup-x-v", "uid": uid, "controller": True}
    pod = {
        "kind": "Pod",
        "metadata": {"name": "old", "labels": {"job-name": "mysql-backup-x-v"}, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "work"}]},
        "status": {"phase": "Failed", "containerStatuses": [{"name": "work", "state": state}]},
    }
    settle = cluster.store.settle

    def keep() -> None:  # the cluster's own controller deletes pods that it does not know
        settle()
        cluster.store.objects["Pod", "old"] = pod

    cluster.store.settle = keep
    with pytest.raises(errors.StepFailed, match="has completed, but its pod is gone") as error:
        _run(cluster)
    assert "no space left" not in str(error.value)


def test_a_job_whose_pod_goes_while_it_is_waited_for_is_not_said_to_have_failed(cluster: Working) -> None:
    cluster.ends = VANISHES
    with pytest.raises(errors.StepFailed, match="has completed, but its pod is gone"):
        _run(cluster)
    cluster.ends = FAILS
    with pytest.raises(errors.StepFailed, match="no space left"):
        _run(cluster)
