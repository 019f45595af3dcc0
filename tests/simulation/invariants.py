"""Invariants on what commands do: no claim goes that was the last holder; nobody changes what he has no lock for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.scheduler import Process
from tests.simulation.verbs import Command, Verbs

if TYPE_CHECKING:
    from tests.simulation.world import World


class Watch:
    """Looks at each change that a command makes."""

    def __init__(self, world: World, verbs: Verbs) -> None:
        self._world, self._verbs = world, verbs
        self._calls_since: dict[tuple[int, int], int] = {}
        self._said: set[int] = set()
        world.before_change_by = self.before
        world.on_any_call_by = self.counted

    def _command(self, process: Process) -> Command | None:
        return next((one for one in self._verbs.commands if one.process is process), None)

    def _usurper(self, command: Command) -> Command | None:
        """Another command that took the lock after this one, and works."""
        mine = command.took_lock_at
        if mine is None:
            return None
        for other in self._verbs.commands:
            is_at_work = other.process is not None and other.process.is_alive and other.outcome == "running"
            if other is not command and is_at_work and other.took_lock_at is not None and other.took_lock_at > mine:
                return other
        return None

    def counted(self, process: Process, text: str) -> None:
        """Each call since the lock was lost was a chance to notice."""
        command = self._command(process)
        other = self._usurper(command) if command else None
        if command is not None and other is not None:
            key = (id(command), id(other))
            self._calls_since[key] = self._calls_since.get(key, 0) + 1

    def before(self, process: Process, text: str) -> None:
        command = self._command(process)
        if command is None:
            return
        if text.startswith("DELETE PersistentVolumeClaim"):
            self._check_claim(command, text.split()[2])
        other = self._usurper(command)
        if other is None or text.endswith("-operation") or process.pid in self._said:
            return
        if self._calls_since.get((id(command), id(other)), 0) > 1:
            self._said.add(process.pid)
            self._violated("lock", f"{command} goes on ({text}) though {other} holds the lock since")

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
