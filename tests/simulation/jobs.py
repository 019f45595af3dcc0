"""Jobs that put a backup onto a member's claim, and the backups: copies of what a member had executed at some moment.

A Job's work appears all at once, when it ends; a Job that is deleted before leaves nothing on the claim.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mysqlops.core import backup, names
from mysqlops.core.typed import Json
from tests.simulation import objects
from tests.simulation.group import ONLINE
from tests.simulation.volume import Holdings

if TYPE_CHECKING:
    from tests.simulation.world import World

_LABEL = "job-name"
_BACKUP_TIMES = (30.0, 75.0)
_SECONDS = (3.0, 20.0)


class Jobs:
    """What runs Jobs, and the repository."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.backups: dict[str, tuple[backup.Backup, Holdings]] = {}
        self._due: dict[str, float] = {}  # by the Job's UID
        for at in _BACKUP_TIMES:
            world.scheduler.at(at, self._back_up)

    def _back_up(self) -> None:
        """Of the first member that is ONLINE."""
        world = self._world
        servers = [one.server for one in world.kubelet.pods.values()]
        lease = world.find("Lease", names.group_lease(world.name))
        found = next((one for one in servers if one.seat is not None and one.seat.state == ONLINE), None)
        if found is None or lease is None:
            return
        copy = Holdings()
        for gtid, content in found.volume.executed.content.items():
            copy.add(gtid, content)
        made = backup.Backup(
            id=f"{world.name}-{len(self.backups)}-backup",
            cluster=world.name,
            namespace=world.namespace,
            origin=lease["metadata"]["uid"],
            method=backup.ARCHIVE,
            member=found.pod,
            role=names.ROLE_REPLICA,
            server_version=found.version,
            gtid=copy.text(),
            binlog="",
            at="2026-01-01T00:00:00Z",
            seconds=1.0,
            size=1 << 20,
            tables=1,
            rows=1,
            checked=backup.CHECKSUM,
            storage_size="10Gi",
            group=str(found.variables["group_replication_group_name"]),
        )
        self.backups[made.id] = made, copy

    def newest(self) -> backup.Backup | None:
        return next((made for made, _ in reversed(self.backups.values())), None)

    def turn(self) -> None:
        """Only while the API server answers."""
        for job in [*self._world.api.peek_all("Job")]:
            uid, meta = job["metadata"]["uid"], job["metadata"]
            if (job.get("status") or {}).get("conditions") or objects.is_going(job):
                continue
            if uid not in self._due:
                self._due[uid] = self._world.now() + self._world.random.uniform(*_SECONDS)
                self._begin(job)
            elif self._world.now() >= self._due[uid] and self._fill(job):
                self._end(meta["name"])

    def _begin(self, job: Json) -> None:
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": job["metadata"]["name"],
            "uid": job["metadata"]["uid"],
        }
        labels = {**job["spec"]["template"]["metadata"]["labels"], _LABEL: job["metadata"]["name"]}
        name = f"{job['metadata']['name']}-{job['metadata']['uid'][:5]}"
        meta = {"name": name, "namespace": self._world.namespace, "labels": labels, "ownerReferences": [owner]}
        spec = job["spec"]["template"]["spec"]
        self._world.api.create("Pod", {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})

    def _fill(self, job: Json) -> bool:
        """False while its claim is not there, or on a node that is down."""
        world, text = self._world, json.dumps(job["spec"])
        copy = next(copy for one, (_, copy) in self.backups.items() if one in text)
        version = next(made.server_version for one, (made, _) in self.backups.items() if one in text)
        claims = [world.find("PersistentVolumeClaim", one) for one in objects.claims_of(job["spec"]["template"])]
        claim = next((one for one in claims if one is not None and not objects.is_going(one)), None)
        if claim is None or world.is_down(world.volume(claim).node):
            return False
        volume = world.volume(claim)
        volume.empty()
        for gtid, content in copy.content.items():
            volume.executed.add(gtid, content)
        volume.uuid, volume.version = world.new_uuid(), version
        world.say(f"a Job has put a backup onto {volume.claim}")
        return True

    def _end(self, name: str) -> None:
        for pod in [*self._world.api.peek_all("Pod")]:
            if objects.labels_of(pod).get(_LABEL) == name:
                self._world.api.set_status("Pod", pod["metadata"]["name"], {"status": {"phase": "Succeeded"}})
        done = {"conditions": [{"type": "Complete", "status": "True"}]}
        self._world.api.set_status("Job", name, {"status": done})


def is_of_job(pod: Json) -> bool:
    return _LABEL in objects.labels_of(pod)
