"""The repository of backups as a user's commands see it: each Job on it ends well, and its steps print what restic and
the agent's programs print. It holds the backups that a page names; what a backup contains is no matter here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from mysqlops.core import backup, facts, names, secret_map
from mysqlops.core.typed import Json
from tests.simulation import jobs

if TYPE_CHECKING:
    from tests.simulation.world import World

_TREE = "7" * 64
_SUMMARY = {"data_added_packed": 1_800_000, "total_duration": 4.0}


class Repository(jobs.Jobs):
    """Instead of the Jobs of a world in which nobody reads what a Job prints."""

    def __init__(self, world: World, ids: Iterable[str]) -> None:
        super().__init__(world)
        self._ids = [*ids]

    def _fill(self, pod: Json) -> bool:
        text = json.dumps(pod["spec"])
        return super()._fill(pod) if any(one in text for one in self.backups) else True

    def printed(self, pod: Json, container: str) -> str:
        """What a step of a Job printed."""
        if container == "run":
            text = json.dumps(pod["spec"])
            return json.dumps(self._entries() if '"snapshots"' in text else self._manifest())
        key = {"init": "made", "store": json.dumps({**_SUMMARY, "snapshot_id": "s0"}), "seal": "seal: sealed"}
        if container in key:
            return key[container]
        if container == "copy":
            return json.dumps(asdict(self._made("mysql-20260101-000000")))
        if container == "check":
            found = backup.Verification(self._ids[0], "2026-01-01T00:00:00Z", True, 12.0, tables=1, rows=3)
            return json.dumps(asdict(found))
        return ""

    def _made(self, backup_id: str) -> backup.Backup:
        world = self._world
        lease = world.object("Lease", names.group_lease(world.name))
        day, moment = backup_id.split("-")[1:]
        at = f"{day[:4]}-{day[4:6]}-{day[6:]}T{moment[:2]}:{moment[2:4]}:{moment[4:]}Z"
        return backup.Backup(
            id=backup_id,
            cluster=world.name,
            namespace=world.namespace,
            origin=lease["metadata"]["uid"],
            method=backup.ARCHIVE,
            member=names.pod(world.name, 1),
            role=names.ROLE_REPLICA,
            server_version="9.7.4",
            gtid="a471ad45-d50b-450d-9104-65c08b7c3c14:1-15",
            binlog="binlog.000002:4",
            at=at,
            seconds=64.0,
            size=157_700_000,
            tables=1,
            rows=3,
            checked=backup.CHECKSUM,
            storage_size="1Gi",
        )

    def _entries(self) -> list[Json]:
        """`restic snapshots --json`, sealed with the cluster's key."""
        key = secret_map.texts(self._world.object("Secret", secret_map.secret(self._world.name, secret_map.INTERNAL)))
        found: list[Json] = []
        for number, backup_id in enumerate(self._ids):
            tags = backup.tags(self._made(backup_id), key[names.KEY_BACKUP_KEY])
            one: Json = {"id": f"s{number}", "tags": tags, "tree": _TREE, "summary": dict(_SUMMARY)}
            bound = backup.tags(backup.binding(one), key[names.KEY_BACKUP_KEY])
            found += [one, {"id": f"b{number}", "tags": bound}]
        return found

    def _manifest(self) -> Json:
        made = replace(self._made(self._ids[0]), verified=None)
        return {"format": facts.FORMAT, "backup": asdict(made), "contents": {}, "spec": {}}
