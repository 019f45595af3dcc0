"""Invariants on what commands do: no claim goes that was the last holder; nobody changes what he has no lock for."""

from __future__ import annotations

import re

from mysqlops.agent.tls_check import CERTIFICATE
from mysqlops.core import exposure, names
from mysqlops.core.typed import Json
from tests.simulation import certificates
from tests.simulation.scheduler import Process
from tests.simulation.verbs import Command, Verbs
from tests.simulation.world import NAME, World

# What commands make for themselves, beside any cluster: trials of images, restic, a rehearsal, the lock of a target.
_BESIDE = re.compile(
    r"(CREATE|DELETE) (Pod \S+-image-check-unlocked|(Job|ConfigMap|NetworkPolicy) 0-rehearsal-)"
    r"|(CREATE|DELETE) Job (restic|mysql-backup)-|\S+ Lease backup-target-"
)


_REPAIRS = re.compile(r"APPLY (Service|ServiceAccount|Role|RoleBinding|PodDisruptionBudget) ")


def _is_note(command: Command, text: str) -> bool:
    """A rehearsal changes nothing of the cluster but its note."""
    return command.verb == "rehearse" and text == f"PATCH Lease {names.group_lease(NAME)}"


class Watch:
    """Looks at each change that a command makes."""

    def __init__(self, world: World, verbs: Verbs) -> None:
        self._world, self._verbs = world, verbs
        world.on_sent_by = self.sent
        world.before_change_by = self.before
        self._on_change, world.api.on_change = world._on_change, self._deleted

    def _command(self, process: Process) -> Command | None:
        return next((one for one in self._verbs.commands if one.process is process), None)

    def sent(self, process: Process, text: str) -> None:
        """As a call leaves the command, before it can be stopped on its way: nobody can recall it then."""
        command, lock = self._command(process), names.operation_lease(self._world.name)
        if command is None or text.endswith(f" {lock}") or _BESIDE.match(text) or _is_note(command, text):
            return
        if command.verb == "doctor-fix" and not _REPAIRS.match(text):
            self._violated("repair", f"{command} changes what is not its own to repair ({text})")
        lease = self._world.find("Lease", lock)
        holder = lease["spec"]["holderIdentity"] if lease else "nobody"
        if f"(process {process.pid} on " not in holder:
            self._violated("lock", f"{command} goes on ({text}) though {holder} holds the lock")

    def before(self, process: Process, text: str) -> None:
        command = self._command(process)
        if command is None:
            return
        if text.startswith("DELETE PersistentVolumeClaim"):
            self._check_claim(command, text.split()[2])
        if text.startswith("APPLY Service outside-"):
            self._check_exposure(command, text.split()[2])

    def _deleted(self, event: str, thing: Json, is_news: bool) -> None:
        """Whoever purges deletes what there was when he said so, and nothing of a cluster that came since: by its UID,
        for the call may arrive late."""
        self._on_change(event, thing, is_news)
        metadata, actor = thing["metadata"], self._world.scheduler.current
        command = self._command(actor.process) if actor is not None else None
        if command is None or command.may_delete is None or metadata["name"] == names.operation_lease(NAME):
            return
        if event != "DELETED" and "deletionTimestamp" not in metadata:
            return
        if thing["kind"] == "PersistentVolumeClaim":
            self._world.ledger.give_up(metadata["uid"])
        if metadata["uid"] not in command.may_delete:
            text = f"{command} deletes {thing['kind']} {metadata['name']}, which came after its plan"
            self._violated("strange object deleted", text)

    def _check_exposure(self, command: Command, service: str) -> None:
        """It is noted before it is opened, and what clients connect to is in the certificate of every member."""
        world = self._world
        lease = world.find("Lease", names.group_lease(world.name))
        noted = exposure.read((lease or {"metadata": {}})["metadata"].get("annotations") or {}).get(service)
        if noted is None:
            self._violated("exposure", f"{command} opens {service}, which nothing notes")
            return
        for one in world.kubelet.pods.values():
            known = certificates.hostnames(one.server.tls[CERTIFICATE]) if one.server.is_up else [noted.hostname]
            if noted.hostname and noted.hostname not in known and one.is_ready:
                self._violated(
                    "exposure", f"{command} opens {service}, and {one.name} does not present {noted.hostname}"
                )

    def _check_claim(self, command: Command, name: str) -> None:
        found = self._world.find("PersistentVolumeClaim", name)
        if found is None:
            return
        if command.verb == "purge":
            return
        lost = self._world.ledger.last_holder(
            found["metadata"]["uid"], excused_too=command.verb in ("rebuild", "restore-member")
        )
        if lost:
            self._violated(
                "last copy deleted",
                f"{command} deletes claim {name}, the only one that holds {len(lost)} acknowledged writes "
                f"(…:{lost[0].gtid[1]})",
            )
            for one in lost:
                one.is_excused = True  # said once

    def _violated(self, kind: str, text: str) -> None:
        self._world.say(f"VIOLATION {text}")
        self._world.scheduler.report(kind, text)
