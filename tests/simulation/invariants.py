"""Invariants on what commands do: no claim goes that was the last holder; nobody changes what he has no lock for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mysqlops.core import names
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
        if command is not None and text.startswith("DELETE PersistentVolumeClaim"):
            self._check_claim(command, text.split()[2])

    def _check_claim(self, command: Command, name: str) -> None:
        found = self._world.find("PersistentVolumeClaim", name)
        if found is None:
            return
        lost = self._world.ledger.last_holder(found["metadata"]["uid"], excused_too=command.verb == "rebuild")
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
