"""Runs worlds: a seed and a scenario give a list of events; what comes of them is checked; failures are shrunk."""

from __future__ import annotations

import gc
import io
import random
import re
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from mysqlops.core import names, ordered, rollout, timeline
from mysqlops.planning import outage, rotation
from tests.simulation import scenarios, server_settings
from tests.simulation.faults import Event, Faults
from tests.simulation.group import ONLINE
from tests.simulation.invariants import Watch
from tests.simulation.standins import stand_ins
from tests.simulation.verbs import Command, Verbs
from tests.simulation.world import World

_LATEST_SECONDS = 320.0  # after the last fault is healed
_QUIET_SECONDS = 8.0
_SILENT_SECONDS = 200.0  # longer than a command waits


@dataclass
class Result:
    """How one world ended."""

    seed: int
    scenario: str
    events: list[Event]
    violations: list[tuple[str, str, str]]
    trace: list[tuple[float, str]]
    acknowledged: int
    faults: dict[str, int]
    commands: dict[str, int]
    seconds: float
    is_waiting: bool = False
    outside: list[str] = field(default_factory=list)

    def kind(self) -> str:
        return self.violations[0][0] if self.violations else ""


_LOGGED = re.compile(r"\S+Z (unexpected .*)")


class _Sink(io.TextIOBase):
    """The agents' own words go into the trace. What a thread of theirs swallows so that it can go on is a crash."""

    def __init__(self, world: World) -> None:
        self._world = world

    def write(self, text: str) -> int:
        if len(text) > 1:
            actor = self._world.scheduler.current
            who = actor.process.name if actor else "-"
            self._world.say(f"  [{who}] {text[25:].rstrip()}")
            if swallowed := _LOGGED.match(text):
                self._world.scheduler.report("crash", f"{who}: {swallowed[1]}", traceback.format_exc())
        return len(text)


class Run:
    """One world from its beginning to its end."""

    def __init__(self, seed: int, scenario: str, events: Sequence[Event] | None = None) -> None:
        self.seed, self.scenario = seed, scenarios.ALL[scenario]
        self.world = World(seed, has_passwords=self.scenario.has_passwords, has_repository=self.scenario.has_repository)
        self.verbs = Verbs(self.world)
        self.watch = Watch(self.world, self.verbs)
        self.faults = Faults(self.world, self.verbs.by_event)
        self._healed = 0.0
        self.events = [*(self.scenario.draw(seed) if events is None else events)]

    def go(self) -> Result:
        random.seed(self.seed)
        with redirect_stdout(_Sink(self.world)), stand_ins(self.world, self.seed):
            self.world.make_cluster(3)
            self.faults.schedule(self.events)
            self._let(self.scenario.until)
            if not self._reports():
                self._end()
        result = self._result()
        self._clear()
        return result

    def _reports(self) -> list[tuple[str, str, str]]:
        return self.world.scheduler.reports

    def _let(self, until: float) -> None:
        self.world.scheduler.run(until, self._reports().__len__)

    # --- the end
    def _end(self) -> None:
        """All is healed, users do what they are told, and then the cluster has to be whole again."""
        self.faults.heal()
        healed = self._healed = self.world.now()
        since = len(self.world.ledger.writes)
        while self.world.now() < healed + _LATEST_SECONDS and not self._reports():
            self._let(self.world.now() + 5.0)
            if not any(one.outcome == "running" for one in self.verbs.commands):
                self._tidy()
            if self._is_whole():
                self._let(self.world.now() + _QUIET_SECONDS)
                if self._is_whole():
                    break
        if self._reports():
            return
        self.world.ledger.check_end()
        self._check_settings()
        if self.world.accounts is not None:
            self.world.accounts.check_end()
        # What a command stopped since, and never brought back, is as lost to clients as what was never there.
        is_silent = self.world.now() > self.world.ledger.last_at + _SILENT_SECONDS
        if (len(self.world.ledger.writes) == since or is_silent) and not self._waits_for_user():
            self._not_writable()

    def _check_settings(self) -> None:
        """Every server runs with its my.cnf; a Lease that is gone or from the past may have noted that it does not."""
        is_kept = not {"delete-lease", "old-lease"} & self.faults.counts.keys()
        if is_kept and (why := server_settings.differences(self.world)):
            self.world.scheduler.report("settings differ", why)

    def _tidy(self) -> None:
        """What a user would do next."""
        world, verbs = self.world, self.verbs
        killed = next((one for one in verbs.commands if one.outcome == "killed" or _is_half_purged(one)), None)
        stateful_set = world.find("StatefulSet", world.name)
        if killed is not None:
            killed.outcome = "killed, and run again"
            verbs.again(killed)
        elif next_verb := self._without_members() if stateful_set is None else self._unfinished(stateful_set):
            verbs.run(*next_verb)
        elif stateful_set and stateful_set["spec"]["replicas"] != verbs.wanted_replicas:
            world.say(f"the user sets replicas to {verbs.wanted_replicas} again")
            world.api.merge_patch("StatefulSet", world.name, {"spec": {"replicas": verbs.wanted_replicas}})

    def _notes(self) -> dict[str, str] | None:
        lease = self.world.find("Lease", names.group_lease(self.world.name))
        return None if lease is None else lease["metadata"].get("annotations") or {}

    def _without_members(self) -> tuple[str, int]:
        if names.ANNOTATION_RECREATING in (self._notes() or {}) and (restore := _open_restore(self._notes() or {})):
            return restore
        if names.ANNOTATION_RECREATING in (self._notes() or {}):
            return "resize-by-rebuild", 0
        if re.search(r"mysqlops restore \S+ --as", "".join(one.refused for one in self.verbs.commands[-1:])):
            return "restore-as", 0
        if self.verbs.commands and "would get no pod with" in self.verbs.commands[-1].outcome:
            needs_five = any(
                f"{names.claim(self.world.name, one)}" in self.verbs.commands[-1].outcome for one in (3, 4)
            )
            self.verbs.wanted_replicas = 5 if needs_five else 3  # as the refusal says
        return "deploy", self.verbs.wanted_replicas

    def _unfinished(self, stateful_set: dict[str, Any]) -> tuple[str, int] | None:
        notes, replicas = self._notes(), int(stateful_set["spec"]["replicas"])
        if notes is None and replicas:
            return "deploy", replicas
        if self.world.has_repository and self._told_to_fix():
            return "doctor-fix", 0
        if restore := _open_restore(notes or {}) or self._told_to_restore():
            return self._told_to_scale() or restore
        if not replicas or notes is None or ordered.stopped(notes):
            return "start", 0  # as `status` says
        if rollout.read(stateful_set) is not None:
            return self._way_of_rollout()
        return self._told_to_scale() or _open_order(notes, replicas) or self._rotation(notes) or self._way_out(replicas)

    def _rotation(self, notes: dict[str, str]) -> tuple[str, int] | None:
        """What `status` says of an open rotation of passwords."""
        order = ordered.rotation(notes)
        if order is None or self.world.now() < max(one.ended_at for one in self.verbs.commands) + 5.0:
            return None
        if order.dropped and rotation.holders(order, self.world.objects("Pod")):
            return "restart", 0
        return ("finish-users" if order.holders is not None else "rotate-users"), 0

    def _way_of_rollout(self) -> tuple[str, int]:
        """As the last command says: forward if it went back and that failed too."""
        return self._told_to_scale() or ("forward" if "--forward" in self.verbs.commands[-1].hint else "resume", 0)

    def _told_to_scale(self) -> tuple[str, int] | None:
        """As the last command says, if it waits for a member that somebody scaled away."""
        hints = [one.hint for one in self.verbs.commands[-1:]]
        found = re.search(r"mysqlops scale \S+ --replicas ([1-5])", "".join(hints))
        return ("bring-back", int(found[1])) if found else None

    def _told_to_fix(self) -> bool:
        """As the last command says, if a Service was deleted."""
        return any(" --fix recreates it" in one.hint for one in self.verbs.commands[-1:])

    def _told_to_restore(self) -> tuple[str, int] | None:
        """As the last command says, if a restore is under way of which the Lease knows nothing."""
        hints = [one.hint or (one.refused if self.world.has_repository else "") for one in self.verbs.commands[-1:]]
        found = re.search(r"mysqlops restore (--revert|\S+ --in-place)", "".join(hints))
        return None if found is None else ("revert" if found[1] == "--revert" else "restore-in-place", 0)

    def _way_out(self, replicas: int) -> tuple[str, int] | None:
        """After a while without a group the user does something about whatever everybody waits for."""
        world, now = self.world, self.world.now()
        if now < max(self._healed, world.ledger.last_at, *(one.ended_at for one in self.verbs.commands), 0.0) + 60.0:
            return None
        words = " ".join(self._words())
        if outage.NOWHERE in words:
            self._asks_for_loss(words)
            return "recover", 0
        absent = [one for one in range(replicas, 5) if f"what {names.pod(world.name, one)} holds" in words]
        if absent:
            return "scale", 1 if absent[-1] < 3 else 2  # to three or five, as the refusal and `status` say
        return None

    def _asks_for_loss(self, words: str) -> None:
        """A user is asked to accept a loss only after data went by hand, or by an order that said so."""
        orders = [one for one in self.verbs.commands if one.verb in ("recover", "rebuild-with-loss")]
        if not self.world.ledger.by_hand and not any(one.took_lock_at is not None for one in orders):
            self.world.scheduler.report("asks for loss", f"asks to accept a loss, and nobody destroyed data: {words}")

    def _is_whole(self) -> bool:
        world = self.world
        stateful_set = world.find("StatefulSet", world.name)
        if stateful_set is None or any(one.outcome == "running" for one in self.verbs.commands):
            return False
        if world.accounts is not None and world.accounts.unfinished():
            return False
        servers = [one.server for one in world.kubelet.pods.values()]
        inside = {one.seat.group.incarnation for one in servers if one.seat is not None and one.seat.state == ONLINE}
        everybody = all(one.seat is not None and one.seat.state == ONLINE for one in servers)
        writes = world.ledger.last_at > world.now() - 5.0
        return everybody and len(inside) == 1 and writes and len(servers) == stateful_set["spec"]["replicas"]

    def _words(self) -> list[str]:
        found = []
        for one in self.world.kubelet.pods.values():
            words = one.program.waits_for() if one.program else one.phase
            if words:
                found.append(f"{one.name}: {words}")
        return found

    def _waits_for_user(self) -> bool:
        """Only if something was destroyed or diverged by hand or by order may it wait."""
        return bool(self.world.ledger.by_hand) or any(one.is_excused for one in self.world.ledger.writes)

    def _not_writable(self) -> None:
        text = f"nothing can be written {_LATEST_SECONDS:.0f} s after all was healed: {'; '.join(self._words())}"
        last = [f"{one}: {one.outcome[:150]}" for one in self.verbs.commands[-3:]]
        self.world.scheduler.report("not writable", f"{text}; {'; '.join(last)}")

    def _result(self) -> Result:
        world = self.world
        commands: dict[str, int] = {}
        for one in self.verbs.commands:
            how = one.outcome.partition(":")[0]
            commands[f"{one.verb} {how}"] = commands.get(f"{one.verb} {how}", 0) + 1
        return Result(
            self.seed,
            self.scenario.name,
            self.events,
            [*self._reports()],
            world.trace,
            len(world.ledger.writes),
            self.faults.counts,
            commands,
            world.now(),
            outside=[] if self._is_whole() else self._words(),
        )

    def _clear(self) -> None:
        """End every greenlet, so that nothing of this world runs on into the next."""
        for one in self.world.kubelet.pods.values():
            one.kill()
        for command in self.verbs.commands:
            if command.process is not None:
                command.process.kill()
        with redirect_stdout(io.StringIO()):
            self.world.scheduler.run(self.world.now())


def _is_half_purged(one: Command) -> bool:
    """Its user was told that the API server did not answer, and wants the data gone."""
    return one.verb == "purge" and one.outcome.startswith("kubernetes-unreachable")


def _open_restore(notes: dict[str, str]) -> tuple[str, int] | None:
    swap = timeline.swap_of(notes)
    return None if swap is None else ("restore-in-place" if swap.backup else "revert", 0)


def _open_order(notes: dict[str, str], replicas: int) -> tuple[str, int] | None:
    """What `status` names of the orders that a command left behind."""
    if ordered.setting(notes):
        return "config-settle", 0
    for verb, members in (("restore-member", ordered.filling(notes)), ("unfence", ordered.fenced(notes))):
        present = (one for one in map(names.ordinal_of, members) if one < replicas)
        if (found := next(present, None)) is not None:
            return verb, found
    return None


def run(seed: int, scenario: str, events: Sequence[Event] | None = None) -> Result:
    """Without the garbage collector, which would look at a whole world again and again while all of it is in use."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        return Run(seed, scenario, events).go()
    finally:
        if was_on:
            gc.enable()


def shrink(result: Result, tries: int = 200) -> Result:
    """The same violation with as few events as possible: halves first, then one at a time."""
    best, size = result, max(1, len(result.events) // 2)
    while tries > 0:
        found = None
        for start in range(0, len(best.events), size):
            tries -= 1
            left = [*best.events[:start], *best.events[start + size :]]
            again = run(best.seed, best.scenario, left)
            if again.kind() == result.kind():
                found = again
                break
        if found is not None:
            best = found
            size = min(size, max(1, len(best.events) // 2))
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
    return best


def story(result: Result) -> str:
    """What happened, in plain words."""
    lines = [f"seed {result.seed}, scenario {result.scenario}: {result.violations[0][1]}", "events:"]
    lines += [f"  {event}" for event in result.events]
    lines.append("what happened:")
    lines += [f"  {at:7.2f}  {text}" for at, text in result.trace]
    if result.violations[0][2]:
        lines.append(result.violations[0][2])
    return "\n".join(lines)
