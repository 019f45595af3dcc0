"""A cluster in which Jobs run: each ends as the test says, and its pod stays; the storage makes snapshots."""

from __future__ import annotations

from functools import cache

from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.kube import manifests
from mysqlops.objects import render
from mysqlops.operations.session import Session
from tests.unit.fakes.cluster import NAME, Cluster

RUNS, SUCCEEDS, FAILS, VANISHES = "runs", "succeeds", "fails", "vanishes"  # its pod is gone before anybody looked


class Working(Cluster):
    """`ends` says how Jobs end, `words` the last line of each container, `storage` why a snapshot is never ready."""

    def __init__(self, replicas: int = 3, **held: str) -> None:
        super().__init__(replicas, **held)
        for one in _objects(replicas):
            self.store.put(one)
        self.ends, self.words, self.storage = SUCCEEDS, dict[str, str](), ""
        self.jobs: list[Json] = []  # all that were ever made
        self._pods: dict[str, Json] = {}  # by their Job
        self.settle()

    def session(self, timeout: float = 600.0) -> Session:
        made = super().session(timeout)
        made.client.logs = self._logs  # type: ignore[method-assign]
        return made

    def _logs(self, pod: str, container: str, *, lines: int | None = None) -> str:
        return self.words.get(container, "")

    def settle(self) -> None:
        super().settle()
        if hasattr(self, "jobs"):
            self._work()

    def _work(self) -> None:
        there = {name: one for (kind, name), one in self.store.objects.items() if kind == "Job"}
        self.jobs += [one for one in there.values() if one["metadata"]["uid"] not in self._known()]
        for name, job in there.items():
            if not job.get("status") and self.ends != RUNS:
                kind = "Failed" if self.ends == FAILS else "Complete"
                job["status"] = {"conditions": [{"type": kind, "status": "True"}]}
                if self.ends != VANISHES:
                    self._pods[name] = _pod(job, is_good=self.ends == SUCCEEDS)
        self._pods = {name: pod for name, pod in self._pods.items() if name in there}
        for name, pod in self._pods.items():
            self.store.objects["Pod", f"{name}-x"] = pod
        for (kind, _), one in self.store.objects.items():
            if kind == "VolumeSnapshot" and not one.get("status"):
                ready = {"readyToUse": True, "creationTime": f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"}
                one["status"] = {"error": {"message": self.storage}} if self.storage else ready

        self._collect()

    def _collect(self) -> None:
        """What a Job owned goes with it."""
        uids = {one["metadata"]["uid"] for (kind, _), one in self.store.objects.items() if kind == "Job"}
        for key, one in list(self.store.objects.items()):
            owners = [owner for owner in one["metadata"].get("ownerReferences", []) if owner["kind"] == "Job"]
            if owners and not {owner["uid"] for owner in owners} & uids:
                del self.store.objects[key]

    def _known(self) -> set[str]:
        return {one["metadata"]["uid"] for one in self.jobs}


@cache
def _objects(replicas: int) -> list[Json]:
    spec = ClusterSpec(name=NAME, namespace="db", replicas=replicas)
    made = render.cluster_objects(manifests.load_base(), spec, render.Agent(b"x", "1"))
    return [one for one in made if one["kind"] in ("StatefulSet", "ConfigMap")]


def owned_by(job: Json) -> list[Json]:
    """The ownerReferences of a Job's pod."""
    metadata = job["metadata"]
    return [{"kind": "Job", "name": metadata["name"], "uid": metadata["uid"], "controller": True}]


def _pod(job: Json, *, is_good: bool) -> Json:
    name = job["metadata"]["name"]
    state = {"terminated": {"exitCode": 0 if is_good else 1, "message": "no space left", "reason": "Error"}}
    return {
        "kind": "Pod",
        "metadata": {"name": f"{name}-x", "labels": {"job-name": name}, "ownerReferences": owned_by(job)},
        "spec": {"containers": [{"name": "work"}]},
        "status": {
            "phase": "Succeeded" if is_good else "Failed",
            "containerStatuses": [{"name": "work", "state": state}],
        },
    }
