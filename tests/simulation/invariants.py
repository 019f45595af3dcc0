"""Invariants on what commands do: no claim goes that was the last holder; nobody changes what he has no lock for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mysqlops.agent.tls_check import CERTIFICATE
from mysqlops.core import exposure, names
from tests.simulation import certificates
from tests.simulation.scheduler import Process
from tests.simulation.verbs import Command, Verbs

if TYPE_CHECKING:
    from tests.simulation.world import World


class Watch:
    """Looks at each change that a command makes."""

    def __init__(self, world: World, verbs: Verbs) -> None:
        self._world, self._verbs = world, verbs
        world.on_sent_by = self.sent
        world.before_change_by = self.before

    def _command(self, process: Process) -> Command | None:
        return next((one for one in self._verbs.commands if one.process is process), None)

    def sent(self, process: Process, text: str) -> None:
        """As a call leaves the command, before it can be stopped on its way: nobody can recall it then."""
        command, lock = self._command(process), names.operation_lease(self._world.name)
        if command is None or text.endswith(f" {lock}"):
            return
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
