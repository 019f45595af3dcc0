"""Jobs that put a backup onto a member's claim, and the backups: copies of what a member had executed at some moment.

A pod's work appears all at once, when it ends; one that is deleted before leaves nothing on the claim. Its Job is the
controllers'.
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
    """What runs the pods of Jobs, and the repository."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.backups: dict[str, tuple[backup.Backup, Holdings]] = {}
        self._due: dict[str, float] = {}  # by the pod's UID
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

    def printed(self, pod: Json, container: str) -> str:
        """What a step of a Job printed: nothing that a command needs here."""
        return ""

    def find(self, backup_id: str) -> backup.Backup | None:
        made, _ = self.backups.get(backup_id, (None, None))
        return made

    def newest(self) -> backup.Backup | None:
        return next((made for made, _ in reversed(self.backups.values())), None)

    def turn(self) -> None:
        """As the kubelets of its pods; only while the API server answers."""
        for pod in [*self._world.api.peek_all("Pod")]:
            if not is_of_job(pod) or objects.is_ended(pod):
                continue
            uid, node = pod["metadata"]["uid"], pod["spec"].get("nodeName", "")
            if node and self._world.is_down(node):
                continue
            if objects.is_going(pod):
                self._world.api.finish_pod(pod["metadata"]["name"], uid)
            elif not node:
                self._place(pod)
            elif self._world.now() >= self._due[uid] and self._fill(pod):
                self._world.api.set_status("Pod", pod["metadata"]["name"], {"status": {"phase": "Succeeded"}})

    def _place(self, pod: Json) -> None:
        """Onto the node of its claim, once both are there."""
        claims = [self._world.find("PersistentVolumeClaim", one) for one in objects.claims_of(pod)]
        nodes = {self._world.volume(one).node for one in claims if one is not None and not objects.is_going(one)}
        up = {name for name in nodes or self._world.nodes if not self._world.is_down(name)}
        if None in claims or not up or len(nodes) > 1:
            return
        self._due[pod["metadata"]["uid"]] = self._world.now() + self._world.random.uniform(*_SECONDS)
        running = {"spec": {"nodeName": min(up)}, "status": {"phase": "Running"}}
        self._world.api.set_status("Pod", pod["metadata"]["name"], running)

    def _fill(self, pod: Json) -> bool:
        """False while its claim is not there any more."""
        world, text = self._world, json.dumps(pod["spec"])
        copy = next(copy for one, (_, copy) in self.backups.items() if one in text)
        version = next(made.server_version for one, (made, _) in self.backups.items() if one in text)
        claims = [world.find("PersistentVolumeClaim", one) for one in objects.claims_of(pod)]
        claim = next((one for one in claims if one is not None), None)
        if claim is None:
            return False
        volume = world.volume(claim)
        volume.empty()
        for gtid, content in copy.content.items():
            volume.executed.add(gtid, content)
        volume.uuid, volume.version, volume.is_restored = world.new_uuid(), version, True
        world.ledger.filled(volume, copy)
        world.say(f"a Job has put a backup onto {volume.claim}")
        return True


def is_of_job(pod: Json) -> bool:
    return _LABEL in objects.labels_of(pod)
