"""What goes wrong, as an explicit list drawn from the seed before anything runs; traces shrink by leaving some out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulation import kubelet
from tests.simulation.scheduler import Killed, Process

if TYPE_CHECKING:
    from tests.simulation.mysqld import Mysqld
    from tests.simulation.volume import Volume
    from tests.simulation.world import World

_WRITES = ("PUT ", "PATCH ", "CREATE ", "APPLY ", "DELETE ", "EXEC ", "SET ", "START ", "STOP ", "CLONE ", "ALTER USER")
_STIRRED_SECONDS = 10.0  # a fault in a world with fast failure detection


@dataclass(frozen=True)
class Event:
    """At a time, a fault, on a member (by ordinal), with another figure."""

    at: float
    kind: str
    who: int = 0
    figure: float = 0.0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.kind} {self.who} {self.figure:.1f} {self.text}".rstrip()


@dataclass
class Trap:
    """Waits for one of the next changing calls of a process, and then strikes."""

    process: str  # how its name begins
    then: str  # kill, kill-during, stop, lose
    target: str  # how the call's text begins; empty for any
    skip: int
    figure: float

    def is_met(self, process: Process, text: str) -> bool:
        return process.name.startswith(self.process) and text.startswith(self.target)


class Traps:
    """Faults between two calls, which a time alone would hardly ever meet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._set: list[Trap] = []

    def arm(self, trap: Trap) -> None:
        self._set.append(trap)

    def disarm(self) -> None:
        self._set.clear()

    def reached(self, process: Process, text: str) -> None:
        if not self._set or not text.startswith(_WRITES):
            return
        for trap in [one for one in self._set if one.then != "lose"]:
            if not trap.is_met(process, text) or text.startswith("PATCH Pod"):
                continue
            if trap.skip:
                trap.skip -= 1
                continue
            self._set.remove(trap)
            self._world.say(f"{trap.then} {process.name} before {text[:60]}")
            if trap.then == "kill":
                process.kill()
                raise Killed
            if trap.then == "kill-during":
                self._world.scheduler.after(self._world.random.uniform(0.05, 1.5), process.kill)
                continue
            process.stop()
            self._world.scheduler.after(trap.figure, process.cont)

    def loses_answer(self, process: Process, text: str) -> bool:
        for trap in [one for one in self._set if one.then == "lose"]:
            if trap.is_met(process, text) and text.startswith(_WRITES) and not text.startswith("PATCH Pod"):
                self._set.remove(trap)
                self._world.say(f"the answer to {process.name} of {text[:60]} is lost")
                return True
        return False


class Faults:
    """Carries the events out."""

    def __init__(self, world: World, run_verb: Callable[[str, Event], None]) -> None:
        self._world, self._run_verb = world, run_verb
        self.counts: dict[str, int] = {}

    def schedule(self, events: list[Event]) -> None:
        for event in events:
            self._world.scheduler.at(event.at, lambda event=event: self._strike(event))  # type: ignore[misc]

    def _strike(self, event: Event) -> None:
        self.counts[event.kind] = self.counts.get(event.kind, 0) + 1
        self._world.say(f"FAULT {event.kind} {event.who} {event.text}".rstrip())
        if self._world.is_fast:
            self._world.stir(_STIRRED_SECONDS)
        if event.kind == "verb":
            self._run_verb(event.text, event)
            return
        getattr(self, "_" + event.kind.replace("-", "_"))(event)

    def _pod(self, event: Event) -> kubelet.Containers | None:
        return self._world.kubelet.of(f"{self._world.name}-{event.who}")

    def _node(self, event: Event) -> kubelet.Node:
        found = self._pod(event)
        return found.node if found else [*self._world.nodes.values()][event.who]

    def _kill_agent(self, event: Event) -> None:
        found = self._pod(event)
        if found is not None and found.agent is not None:
            found.kill_agent()

    def _stop_agent(self, event: Event) -> None:
        found = self._pod(event)
        if found is not None and found.agent is not None and found.agent.is_alive:
            found.agent.stop()
            self._world.scheduler.after(event.figure, found.agent.cont)

    def _trap_agent(self, event: Event) -> None:
        """Of one member's agent, or of whichever comes first."""
        process = "agent" if event.figure % 2 > 1 else f"agent {self._world.name}-{event.who}"
        self._trap(process, event, event.figure)

    def _trap_cli(self, event: Event) -> None:
        self._trap("cli", event, event.figure + 12.0)

    def _trap_exec(self, event: Event) -> None:
        """A program that a command runs in a pod, which goes on when the command is killed."""
        self._trap("exec", event, event.figure + 12.0)

    def _trap(self, process: str, event: Event, seconds: float) -> None:
        then, _, target = event.text.partition(" ")
        skip = int(event.figure) % (2 if target else 8)
        self._world.traps.arm(Trap(process, then, target, skip, seconds))

    def _kill_mysqld(self, event: Event) -> None:
        found = self._pod(event)
        if found is not None and found.server.is_up:
            found.server.die()
            found.mysqld_due = max(found.mysqld_due, self._world.now() + event.figure / 4)

    def _stop_mysqld(self, event: Event) -> None:
        found = self._pod(event)
        if found is not None and found.server.is_up:
            server, start = found.server, found.server.starts
            server.is_stopped = True

            def cont() -> None:
                if server.starts == start:
                    server.is_stopped = False

            self._world.scheduler.after(event.figure, cont)

    def _lose_node(self, event: Event) -> None:
        node = self._node(event)
        if node.state == kubelet.UP:
            self._world.kubelet.lose(node)
            self._world.scheduler.after(event.figure * 3, lambda: self._world.kubelet.come_back(node))

    def _freeze_node(self, event: Event) -> None:
        node = self._node(event)
        self._world.kubelet.freeze(node)
        self._world.scheduler.after(event.figure, lambda: self._world.kubelet.thaw(node))

    def _power_cut(self, event: Event) -> None:
        for number, node in enumerate(self._world.nodes.values()):
            self._world.kubelet.lose(node)
            late = event.figure * (3 if number == event.who else 0.3)
            self._world.scheduler.after(late, lambda node=node: self._world.kubelet.come_back(node))  # type: ignore[misc]

    def _cut_agent_off(self, event: Event) -> None:
        pod = f"{self._world.name}-{event.who}"
        self._world.api_cut.add(pod)
        self._world.scheduler.after(event.figure * 2, lambda: self._world.api_cut.discard(pod))

    def _cut_cli(self, event: Event) -> None:
        """Users' commands, while agents reach the API server."""
        self._world.api_cut.add("cli")
        self._world.scheduler.after(event.figure * 2, lambda: self._world.api_cut.discard("cli"))

    def _cut_heartbeats(self, event: Event) -> None:
        """A policy that forgets the agents' port: one agent and the others do not hear each other; their servers do."""
        pod = f"{self._world.name}-{event.who}"
        self._world.unheard.add(pod)
        self._world.scheduler.after(event.figure * 2, lambda: self._world.unheard.discard(pod))

    def _api_away(self, event: Event) -> None:
        self._world.api_down = True

        def back() -> None:
            self._world.api_down = False
            self._world.is_changed = True

        self._world.scheduler.after(event.figure, back)

    def _stale_cache(self, event: Event) -> None:
        self._world.api.freeze_cache()
        self._world.scheduler.after(event.figure, self._world.api.thaw_cache)

    def _partition(self, event: Event) -> None:
        name = self._world.name
        cut = {frozenset((f"{name}-{event.who}", f"{name}-{other}")) for other in range(5) if other != event.who}
        self._world.cuts |= cut
        self._world.scheduler.after(event.figure, lambda: self._world.cuts.difference_update(cut))

    def _for_a_while(self, thing: Mysqld | Volume, trouble: str, seconds: float) -> None:
        setattr(thing, trouble, True)
        self._world.scheduler.after(seconds, lambda: setattr(thing, trouble, False))

    def _hold_applier(self, event: Event) -> None:
        if found := self._pod(event):
            self._for_a_while(found.server, "applier_held", event.figure * 2)

    def _break_applier(self, event: Event) -> None:
        """As for a lock that it waits for in vain; a member whose data differs fails until it is rebuilt."""
        if found := self._pod(event):
            self._for_a_while(found.server, "applier_fails", event.figure * 4)

    def _skew_clock(self, event: Event) -> None:
        self._node(event).skew = event.figure - 15.0

    def _fill_volume(self, event: Event) -> None:
        if found := self._pod(event):
            self._for_a_while(found.volume, "is_full", event.figure * 2)

    def _break_mysqld(self, event: Event) -> None:
        """It runs on, and starts no more: a file of its data is damaged, or its configuration."""
        if found := self._pod(event):
            self._for_a_while(found.volume, "is_broken", event.figure * 6)

    def _delete_pod(self, event: Event) -> None:
        self._delete("Pod", f"{self._world.name}-{event.who}")

    def _drain(self, event: Event) -> None:
        """The pod leaves cleanly, and its local volume has no other node to start on for a while."""
        node = self._node(event)
        node.is_cordoned = True
        self._delete("Pod", f"{self._world.name}-{event.who}")

        def back() -> None:
            node.is_cordoned = False
            self._world.is_changed = True

        self._world.scheduler.after(event.figure * 3, back)

    def _unlock(self, event: Event) -> None:
        """A user who believes that the command that holds the lock is dead."""
        self._delete("Lease", f"{self._world.name}-operation")

    def _delete_lease(self, event: Event) -> None:
        self._delete("Lease", f"{self._world.name}-group")

    def _old_lease(self, event: Event) -> None:
        """The API server's data is restored from a backup, or somebody applies the Lease as a tool has stored it: it is
        as it was so many seconds before."""
        name = f"{self._world.name}-group"
        saved = self._world.find("Lease", name)

        def restore() -> None:
            found = self._world.find("Lease", name)
            if found is not None and saved is not None and not self._world.api_down:
                self._world.say("the Lease of the group is as it was once")
                same = {
                    key: found["metadata"][key] for key in ("uid", "resourceVersion")
                }  # it may have been deleted since
                self._world.api.replace("Lease", {**saved, "metadata": {**saved["metadata"], **same}})

        self._world.scheduler.after(event.figure, restore)

    def _delete_claim(self, event: Event) -> None:
        """The usual advice for a local volume of a dead node: delete the claim and the pod."""
        found = self._world.find("PersistentVolumeClaim", f"data-{self._world.name}-{event.who}")
        if found is not None:
            self._world.ledger.by_hand.add(found["metadata"]["uid"])
            self._delete("PersistentVolumeClaim", found["metadata"]["name"])
            self._delete("Pod", f"{self._world.name}-{event.who}")

    def _delete_object(self, event: Event) -> None:
        """Somebody tidies up what looks unused."""
        name, figure = self._world.name, int(event.figure)
        own = (
            *(("Service", f"{name}-replicas"), ("Service", f"{name}-primary"), ("RoleBinding", name), ("Role", name)),
            *(("PodDisruptionBudget", name), ("ServiceAccount", name), ("Service", name)),
        )
        self._delete(*own[(figure + event.who) % len(own)])

    def _replicas(self, event: Event) -> None:
        if self._world.find("StatefulSet", self._world.name) is not None:
            self._world.api.merge_patch("StatefulSet", self._world.name, {"spec": {"replicas": event.who}})

    def _delete(self, kind: str, name: str) -> None:
        if self._world.find(kind, name) is not None and not self._world.api_down:
            self._world.api.delete(kind, name)

    def heal(self) -> None:
        """All faults end."""
        world = self._world
        world.say("--- all faults are healed")
        world.traps.disarm()
        world.api_down = False
        world.api.thaw_cache()
        world.api_cut.clear()
        world.unheard.clear()
        world.cuts.clear()
        for node in world.nodes.values():
            node.skew, node.is_cordoned = 0.0, False
            world.kubelet.thaw(node)
            world.kubelet.come_back(node)
        for volume in world.volumes.values():
            volume.is_broken = False
        for one in world.kubelet.pods.values():
            one.server.is_stopped = one.server.applier_held = one.volume.is_full = False
            one.server.applier_fails = False
            if one.agent is not None:
                one.agent.cont()
        world.is_changed = True
