"""The Job controller: a pod for each attempt, and what became of them. Contract: job_cases.py.

A finalizer keeps each pod until it is counted, so that none is forgotten: one that somebody deletes has failed.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from mysqlops.core.typed import Json
from tests.simulation import objects

if TYPE_CHECKING:
    from tests.simulation.apiserver import ApiServer

_MANAGER = "kube-controller-manager"
_TRACKING = "batch.kubernetes.io/job-tracking"
_RETRIES = 6  # backoffLimit, unless a Job says another


def run_jobs(api: ApiServer) -> None:
    """One round for all Jobs; the pods of those that are gone are let go."""
    jobs = {job["metadata"]["uid"]: job for job in api.peek_all("Job") if not objects.is_going(job)}
    pods: dict[str, list[Json]] = {uid: [] for uid in jobs}
    for pod in api.peek_all("Pod"):
        owner = objects.owner_of(pod)
        if owner is not None and owner["uid"] in jobs:
            pods[owner["uid"]].append(pod)
        elif owner is not None and owner["kind"] == "Job":
            _let_go(api, pod)
    for uid, job in jobs.items():
        _reconcile(api, job, pods[uid])


def is_over(job: Json) -> bool:
    conditions = job["status"].get("conditions") or []
    return any(one["type"] in ("Complete", "Failed") for one in conditions)


def _reconcile(api: ApiServer, job: Json, pods: list[Json]) -> None:
    new = [pod for pod in pods if _is_tracked(pod) and (objects.is_ended(pod) or objects.is_going(pod))]
    done = sum(pod["status"].get("phase") == "Succeeded" for pod in new)
    succeeded = job["status"].get("succeeded", 0) + done
    failed = job["status"].get("failed", 0) + len(new) - done
    active = [pod for pod in pods if not objects.is_ended(pod) and not objects.is_going(pod)]
    if not is_over(job):
        conditions: list[Json] = []
        if succeeded:
            conditions = _conditions(("SuccessCriteriaMet", "Complete"), "CompletionsReached")
        elif failed > job["spec"].get("backoffLimit", _RETRIES):
            conditions = _conditions(("FailureTarget", "Failed"), "BackoffLimitExceeded")
        elif not active:
            active = [api.create("Pod", _pod(job, failed), manager=_MANAGER)]
        counts = {"active": len(active) or None, "failed": failed or None, "succeeded": succeeded or None}
        ended = {"conditions": conditions, "completionTime": api.date()} if conditions else {}
        begun = {"startTime": job["metadata"]["creationTimestamp"]}
        api.set_status("Job", job["metadata"]["name"], {"status": counts | begun | ended})
    for pod in new:
        _let_go(api, pod)


def _conditions(types: tuple[str, ...], reason: str) -> list[Json]:
    return [{"type": one, "status": "True", "reason": reason} for one in types]


def _is_tracked(pod: Json) -> bool:
    return _TRACKING in (pod["metadata"].get("finalizers") or ())


def _let_go(api: ApiServer, pod: Json) -> None:
    if _is_tracked(pod):
        api.release("Pod", pod["metadata"]["name"], _TRACKING)


def _pod(job: Json, attempt: int) -> Json:
    name, uid, template = job["metadata"]["name"], job["metadata"]["uid"], job["spec"]["template"]
    plain = {"controller-uid": uid, "job-name": name}
    own = {**plain, **{f"batch.kubernetes.io/{key}": value for key, value in plain.items()}}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": True}
    meta = {
        "name": f"{name}-{zlib.crc32(f'{uid} {attempt}'.encode()):08x}"[: len(name) + 6],
        "labels": {**((template.get("metadata") or {}).get("labels") or {}), **own},
        "annotations": (template.get("metadata") or {}).get("annotations") or {},
        "ownerReferences": [{**owner, "blockOwnerDeletion": True}],
        "finalizers": [_TRACKING],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
