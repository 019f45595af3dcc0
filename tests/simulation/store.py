"""The repository of backups in a world, with what restic answers: backups come and go, and what a Job has read or
removed shows all at once, when its pod ends. Whoever removes waits for those who read, two minutes at most, as for
restic's lock.

Not modelled: binary logs, and what a schedule's Job removes. The world makes backups by itself, and Jobs make more.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mysqlops.core import backup, group, instant, names, secret_map
from mysqlops.core.typed import Json
from mysqlops.objects import pods
from tests.simulation import jobs, objects
from tests.simulation.clock import EPOCH

if TYPE_CHECKING:
    from tests.simulation.world import World

_MORE_TIMES = (20.0, 48.0, 100.0, 130.0, 160.0)
_LOCKED_SECONDS = 120.0  # --retry-lock
_STEP_SECONDS = 1.0


class Store(jobs.Jobs):
    """Instead of the Jobs of a world whose commands read no repository."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._keys: dict[str, str] = {}  # by the backup's id: what sealed it
        self._checks: list[backup.Verification] = []
        self._printed: dict[tuple[str, str], str] = {}
        self._waits_since: dict[str, float] = {}
        for at in _MORE_TIMES:
            world.scheduler.at(at, self._back_up)

    def _back_up(self) -> None:
        self._make("")

    def _make(self, backup_id: str) -> backup.Backup | None:
        """With an id, a history and a seal as real ones have them; None if no member is ONLINE."""
        before = {*self.backups}
        super()._back_up()
        for made in {*self.backups} - before:
            one, copy = self.backups.pop(made)
            at = EPOCH + timedelta(seconds=self._world.now())
            real = replace(one, id=backup_id or backup.new_id(one.cluster, at), at=instant.text(at))
            self.backups[real.id] = real, copy
            self._keys[real.id] = self._key()
            return real
        return None

    def _key(self) -> str:
        found = self._world.find("Secret", secret_map.secret(self._world.name, secret_map.INTERNAL))
        return secret_map.text(found, names.KEY_BACKUP_KEY) if found else ""

    def printed(self, pod: Json, container: str) -> str:
        return self._printed.get((pod["metadata"]["uid"], container), "")

    def _fill(self, pod: Json) -> bool:
        """Whether the pod has ended well."""
        by_name = {spec["name"]: spec for spec in pods.specs(pod)}
        if (run := by_name.get("run")) is not None:
            words = [*run["command"]]
            return self._forget(pod, words) if "forget" in words else self._list(pod)
        chosen = self._chosen(pod)
        if "copy" in by_name:
            return self._store(pod, chosen)
        if chosen not in self.backups:
            return self._fail(pod, f"choose: no backup {chosen}")
        if "place" in by_name and not super()._fill(pod):
            return False
        made = self.backups[chosen][0]
        check = backup.Verification(chosen, made.at, ok=True, seconds=9.0, tables=made.tables, rows=made.rows)
        self._printed[pod["metadata"]["uid"], "check"] = json.dumps(asdict(check))
        if "verdict" in by_name:
            self._checks.append(check)
        return self._ended_well(pod)

    def _store(self, pod: Json, backup_id: str) -> bool:
        if (made := self._make(backup_id)) is None:
            return self._fail(pod, "copy: no member is ONLINE")
        stored = {"snapshot_id": f"s{made.id}", "data_added_packed": 1 << 20, "total_duration": 4.0}
        said = {"copy": json.dumps(asdict(made)), "store": json.dumps(stored), "seal": "seal: sealed"}
        self._printed |= {(pod["metadata"]["uid"], step): text for step, text in said.items()}
        return self._ended_well(pod)

    def _chosen(self, pod: Json) -> str:
        given = (one for spec in pods.specs(pod) for one in spec.get("env") or [] if one["name"] == "BACKUP_ID")
        return next((str(one["value"]) for one in given), "")

    def _list(self, pod: Json) -> bool:
        self._printed[pod["metadata"]["uid"], "run"] = json.dumps(self._entries())
        return self._ended_well(pod)

    def _forget(self, pod: Json, words: list[str]) -> bool:
        uid, now = pod["metadata"]["uid"], self._world.now()
        since = self._waits_since.setdefault(uid, now)
        if self._is_read():
            return now - since > _LOCKED_SECONDS and self._fail(pod, "run: repository is already locked")
        gone = [one for one in self.backups if f"s{one}" in words]
        for one in gone:
            history = self.backups.pop(one)[0].history
            self._world.say(f"the repository has lost {one}")
            self._check_history(one, history)
        return self._ended_well(pod)

    def _check_history(self, gone: str, history: object) -> None:
        """The cluster's present history keeps a backup, once it had one."""
        lease = self._world.find("Lease", names.group_lease(self._world.name))
        if lease is None or any(made.history == history for made, _ in self.backups.values()):
            return
        found = group.note_of(lease["metadata"].get("annotations") or {}).name
        secret = self._world.find("Secret", secret_map.secret(self._world.name, secret_map.INTERNAL))
        present = found or (secret_map.text(secret, names.KEY_GROUP_NAME) if secret else "")
        if history == ((lease["metadata"]["uid"], self._world.name, self._world.namespace), present):
            text = f"{gone} was the last backup of the present history {present}"
            self._world.say(f"VIOLATION {text}")
            self._world.scheduler.report("last backup deleted", text)

    def _is_read(self) -> bool:
        """Whether the pod of another Job holds restic's lock while it fetches or stores."""
        for pod in self._world.api.peek_all("Pod"):
            holds = any(spec["name"] in ("fetch", "store") for spec in pods.specs(pod))
            if holds and pod["status"].get("phase") == "Running" and not objects.is_ended(pod):
                return True
        return False

    def _ended_well(self, pod: Json) -> bool:
        self._tell(pod, 0, "")
        return True

    def _fail(self, pod: Json, text: str) -> bool:
        self._tell(pod, 1, text)
        self._world.api.set_status("Pod", pod["metadata"]["name"], {"status": {"phase": "Failed"}})
        return False

    def _tell(self, pod: Json, code: int, text: str) -> None:
        """How its containers ended, one after another."""
        specs = pods.specs(pod)
        began = EPOCH + timedelta(seconds=self._world.now() - _STEP_SECONDS * len(specs))
        statuses = []
        for number, spec in enumerate(specs, 1):
            at = instant.text(began + timedelta(seconds=_STEP_SECONDS * number))
            ended = {"exitCode": code, "finishedAt": at, "reason": "Error" if code else "Completed", "message": text}
            statuses.append({"name": spec["name"], "state": {"terminated": ended}})
        last = len(pod["spec"].get("containers", []))
        split = {"initContainerStatuses": statuses[:-last], "containerStatuses": statuses[-last:]}
        self._world.api.set_status("Pod", pod["metadata"]["name"], {"status": split})

    def _entries(self) -> list[Json]:
        """`restic snapshots --json`: each backup, and what binds its files to it."""
        found: list[Json] = []
        for made, _ in self.backups.values():
            key, tree = self._keys[made.id], backup.digest(made.id.encode())
            one: Json = {"id": f"s{made.id}", "tags": backup.tags(made, key), "tree": tree, "summary": {}}
            found += [one, {"id": f"b{made.id}", "tags": backup.tags(backup.binding(one), key)}]
        for number, check in enumerate(self._checks):
            if check.of in self.backups:
                found.append({"id": f"v{number}", "tags": backup.tags(check, self._keys[check.of])})
        return found
