"""The contract of the Job controller, as far as mysqlops relies on it (operations/jobs.py), as in api_cases.py."""

from __future__ import annotations

from mysqlops.core.typed import Json
from mysqlops.operations import jobs
from tests.simulation import manifests, objects
from tests.simulation.backend import Backend, find

_TRACKING = "batch.kubernetes.io/job-tracking"
_LASTS = ["sleep", "3600"]


def _pods(api: Backend, name: str) -> list[Json]:
    return api.list("Pod", f"job-name={name}")


def _status(api: Backend, name: str) -> Json:
    found: Json = api.get("Job", name)["status"]
    return found


def _run(api: Backend, name: str, *command: str, **spec: int) -> Json:
    return api.create("Job", manifests.job(name, api.image, [*command], **spec))


def _until_over(api: Backend, name: str) -> dict[str, str]:
    """The reasons of its conditions."""
    api.until(lambda: jobs.is_over(api.get("Job", name)), f"Job {name} is over")
    return {one["type"]: one.get("reason", "") for one in _status(api, name)["conditions"] if one["status"] == "True"}


def _until_runs(api: Backend, name: str, *not_these: str) -> Json:
    """Its pod."""

    def is_running() -> bool:
        pods = [one for one in _pods(api, name) if one["metadata"]["uid"] not in not_these]
        return [one["status"]["phase"] for one in pods] == ["Running"]

    api.until(is_running, f"a pod of Job {name} runs")
    return next(one for one in _pods(api, name) if one["metadata"]["uid"] not in not_these)


def a_jobs_pod_is_known_by_its_labels_and_owner(api: Backend) -> None:
    made = _run(api, "known", *_LASTS)
    pod = _until_runs(api, "known")
    labels, uid = pod["metadata"]["labels"], made["metadata"]["uid"]
    assert pod["metadata"]["name"].startswith("known-")
    assert (labels["job-name"], labels["controller-uid"]) == ("known", uid)
    assert (labels["batch.kubernetes.io/job-name"], labels["batch.kubernetes.io/controller-uid"]) == ("known", uid)
    assert labels["of"] == "known"
    owner = objects.owner_of(pod) or {}
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Job", "known", uid)
    assert _TRACKING in pod["metadata"]["finalizers"]
    api.until(lambda: _status(api, "known").get("active") == 1, "it is counted")
    assert not jobs.is_over(api.get("Job", "known"))
    api.delete("Job", "known")


def what_is_done_stays_with_its_pod_until_it_is_deleted(api: Backend) -> None:
    _run(api, "done", "true")
    assert _until_over(api, "done").keys() == {"SuccessCriteriaMet", "Complete"}
    assert not jobs.has_failed(api.get("Job", "done"))
    (pod,) = _pods(api, "done")
    assert (pod["status"]["phase"], pod["metadata"].get("finalizers")) == ("Succeeded", None)
    status = _status(api, "done")
    assert (status["succeeded"], status.get("active", 0), status.get("failed", 0)) == (1, 0, 0)
    assert {"startTime", "completionTime"} <= status.keys()
    api.delete("Job", "done")
    assert find(api, "Job", "done") is None
    api.until(lambda: not _pods(api, "done"), "its pod goes")
    _run(api, "done", "true")
    _until_over(api, "done")


def what_fails_without_retries_has_failed(api: Backend) -> None:
    _run(api, "fails-once", "false", backoffLimit=0)
    assert _until_over(api, "fails-once") == {
        "FailureTarget": "BackoffLimitExceeded",
        "Failed": "BackoffLimitExceeded",
    }
    assert jobs.has_failed(api.get("Job", "fails-once"))
    assert [one["status"]["phase"] for one in _pods(api, "fails-once")] == ["Failed"]
    assert (_status(api, "fails-once")["failed"], _status(api, "fails-once").get("succeeded", 0)) == (1, 0)


def what_fails_is_tried_again_in_another_pod(api: Backend) -> None:
    _run(api, "fails-twice", "false", backoffLimit=1)
    _until_over(api, "fails-twice")
    assert [one["status"]["phase"] for one in _pods(api, "fails-twice")] == ["Failed", "Failed"]
    assert _status(api, "fails-twice")["failed"] == 2


def a_pod_that_somebody_deletes_counts_as_failed(api: Backend) -> None:
    """So a drained node ends a Job that is not to be repeated."""
    _run(api, "robbed", *_LASTS, backoffLimit=0)
    pod = _until_runs(api, "robbed")
    api.delete("Pod", pod["metadata"]["name"])
    assert _until_over(api, "robbed")["Failed"] == "BackoffLimitExceeded"
    api.until(lambda: not _pods(api, "robbed"), "the pod goes")
    assert _status(api, "robbed")["failed"] == 1


def a_pod_that_somebody_deletes_is_replaced_while_retries_are_left(api: Backend) -> None:
    _run(api, "robbed-once", *_LASTS, backoffLimit=1)
    pod = _until_runs(api, "robbed-once")
    api.delete("Pod", pod["metadata"]["name"])
    _until_runs(api, "robbed-once", pod["metadata"]["uid"])
    assert not jobs.is_over(api.get("Job", "robbed-once"))
    api.delete("Job", "robbed-once")


def a_deleted_job_takes_its_running_pod(api: Backend) -> None:
    _run(api, "stopped", *_LASTS)
    _until_runs(api, "stopped")
    api.delete("Job", "stopped")
    assert find(api, "Job", "stopped") is None
    api.until(lambda: not _pods(api, "stopped"), "its pod goes")


CASES = [
    a_jobs_pod_is_known_by_its_labels_and_owner,
    what_is_done_stays_with_its_pod_until_it_is_deleted,
    what_fails_without_retries_has_failed,
    what_fails_is_tried_again_in_another_pod,
    a_pod_that_somebody_deletes_counts_as_failed,
    a_pod_that_somebody_deletes_is_replaced_while_retries_are_left,
    a_deleted_job_takes_its_running_pod,
]
