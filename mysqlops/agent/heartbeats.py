"""With `--failure-detection fast`: says to the other agents four times a second what this one hears of each member, and
has its own mysqld propose the removal of one that a majority misses (planning/lost_members.py, docs/adr/0061).

A thread of its own, which exists only while that is on, and waits for nobody: names are resolved and requests made in
others. Whatever fails, the group's own suspicion removes a lost member as before.
"""

from __future__ import annotations

import os
from dataclasses import replace

from mysqlops import errors
from mysqlops.agent import datagrams, log, pod
from mysqlops.clock import Clock, Task
from mysqlops.core import heartbeat, names, typed, view
from mysqlops.mysql import xcom
from mysqlops.planning import lost_members

_PAUSE_SECONDS = 5.0  # after a failure, and between two looks at the names
_ASK_SECONDS = 1.0
_SAID_SECONDS = 1.0  # a pause that is longer, and longer than the last ones, is worth a line


class Heartbeats:
    """One member's; never raises."""

    def __init__(self, own: pod.Pod, logger: log.Log, clock: Clock) -> None:
        self._pod, self._log, self._clock = own, logger, clock
        self._over = clock.signal()
        self._is_on = False
        self._task: Task | None = None
        self._sight = lost_members.Sight(None, 0.0)
        self._alone = ""

    def alone_because(self) -> str:
        """Why this member must accept no clients; empty if it may."""
        return self._alone

    def saw(self, server: view.ServerView, at: float, record: view.GroupRecord | None) -> None:
        """mysqld answered."""
        self._sight, self._is_on = lost_members.Sight(server, at), lost_members.is_on(record)
        if self._is_on and not self._over.is_set() and (self._task is None or not self._task.is_alive()):
            self._task = self._clock.start("heartbeats", self._run)

    def stop(self) -> None:
        """The pod stops: it says nothing more, and removes nobody."""
        self._over.set()

    def _run(self) -> None:
        while self._goes_on():
            try:
                self._talk()
            except Exception as error:
                self._log.unexpected("heartbeats", error)
                self._over.wait(_PAUSE_SECONDS)

    def _goes_on(self) -> bool:
        return self._is_on and not self._over.is_set()

    def _talk(self) -> None:
        talk = Talk(self._pod, self._log, self._clock)
        try:
            while self._goes_on():
                self._alone = talk.turn(self._sight)
                self._over.wait(lost_members.TURN_SECONDS)
        finally:
            self._alone = ""
            talk.close()


class Talk:
    """From when it was turned on until it is turned off."""

    def __init__(self, own: pod.Pod, logger: log.Log, clock: Clock) -> None:
        self._pod, self._log, self._clock, me = own, logger, clock, own.me
        now = clock.monotonic()
        self.memory = lost_members.Memory(me.ordinal, os.urandom(heartbeat.SESSION_BYTES), now, now)
        self._wire = own.wire()
        self._addresses: dict[int, datagrams.Address] = {}
        self._resolving: Task | None = None
        self._resolved_at = now - _PAUSE_SECONDS
        self._missed: frozenset[int] = frozenset()
        self._settled: set[tuple[int, bytes]] = set()  # members and views: proposed, or gone already

    def close(self) -> None:
        self._wire.close()

    def turn(self, sight: lost_members.Sight) -> str:
        """Why this member must accept no clients; empty if it may."""
        now, me = self._clock.monotonic(), self._pod.me
        self.memory = self.memory.turn(now)
        known = lost_members.others(sight, me.ordinal, me.cluster)
        keys = self._keys()
        self._listen(keys, now)
        self._look(now)
        self._forget(known)
        self._resolve(known, now)
        data = heartbeat.write(lost_members.beat(self.memory, sight, now), keys[0])
        for ordinal in known:
            if ordinal in self._addresses:
                self._wire.send(data, self._addresses[ordinal])
        self._say(now)
        for ordinal in lost_members.plan(self.memory, sight, me.cluster, now):
            if (ordinal, sight.view(now)) not in self._settled:
                self._remove(ordinal, sight, now)
        return lost_members.alone_because(self.memory, sight, me.cluster, now)

    def _keys(self) -> list[bytes]:
        """While passwords are rotated, others may still use the previous one."""
        key, me = names.KEY_REPLICATION_PASSWORD, self._pod.me
        passwords = [self._pod.login(names.USER_REPLICATION, key).password, self._pod.find(names.previous_key(key))]
        return [heartbeat.key(password, me.cluster, me.namespace) for password in passwords if password]

    def _listen(self, keys: list[bytes], now: float) -> None:
        for data, source in self._wire.receive():
            beat = heartbeat.read(data, keys)
            heard = self.memory if beat is None else self.memory.hear(beat, now)
            if beat is None or heard is self.memory:  # a stranger's, or a repeated one
                continue
            self._hear(heard, beat.ordinal)
            if self.memory.ears[beat.ordinal].is_fresh(now):  # one that was recorded and is repeated is not
                self._addresses[beat.ordinal] = source

    def _hear(self, memory: lost_members.Memory, ordinal: int) -> None:
        before, after = self.memory.ears.get(ordinal), memory.ears[ordinal]
        if (
            before
            and max(_SAID_SECONDS, before.worst) < (pause := after.at - before.at) < lost_members.GIVEN_UP_SECONDS
        ):
            self._log.say(f"{self._name(ordinal)} was silent for {pause:.2f} s")
        self.memory = memory

    def _look(self, now: float) -> None:
        """Try the ports of those that are silent: an agent may be gone or cut off while its mysqld works."""
        silent = self.memory.silent(now)
        for ordinal in self.memory.ears:
            if ordinal not in silent:
                self._wire.stop_looking(ordinal)
            elif self._wire.has_greeted(ordinal):
                self._hear(self.memory.greeted(ordinal, now), ordinal)
            elif ordinal in self._addresses:
                self._wire.look(ordinal, self._addresses[ordinal])

    def _forget(self, known: dict[int, view.GroupMember]) -> None:
        """Who is no member any more. One that comes back has to be heard again before anybody can miss it."""
        if gone := self.memory.ears.keys() - known.keys():
            for ordinal in gone:
                self._wire.stop_looking(ordinal)
            ears = {ordinal: ear for ordinal, ear in self.memory.ears.items() if ordinal in known}
            self.memory = replace(self.memory, ears=ears)

    def _resolve(self, known: dict[int, view.GroupMember], now: float) -> None:
        """The address of one that does not answer: its pod may be another one."""
        ears = self.memory.ears
        silent = [one for one in known if one not in self._addresses or not (one in ears and ears[one].is_fresh(now))]
        is_busy = self._resolving is not None and self._resolving.is_alive()
        if not silent or is_busy or now < self._resolved_at + _PAUSE_SECONDS:
            return
        self._resolved_at = now

        def work() -> None:
            for ordinal in silent:
                if found := self._wire.resolve(self._pod.me.host(ordinal)):
                    self._addresses[ordinal] = found

        self._resolving = self._clock.start("names of agents", work)

    def _say(self, now: float) -> None:
        missed = self.memory.missed(now)
        for ordinal in sorted(missed - self._missed):
            self._log.say(f"heard nothing from {self._name(ordinal)} for {self.memory.ears[ordinal].patience():.1f} s")
        self._missed = missed

    def _remove(self, ordinal: int, sight: lost_members.Sight, now: float) -> None:
        self.memory = self.memory.ask(ordinal, now)
        group_name, seen = sight.server.group_name if sight.server is not None else "", sight.view(now)

        def work() -> None:
            outcome = "too late"
            try:
                if (left := now + _ASK_SECONDS - self._clock.monotonic()) > 0:
                    outcome = self._ask(ordinal, group_name, seen, left)
            except errors.MysqlopsError as error:
                outcome = typed.visible(str(error))
            except Exception as error:
                self._log.unexpected("removal", error)
                return
            seconds = self._clock.monotonic() - now
            self._log.say(f"a majority misses {self._name(ordinal)}; its removal: {outcome} after {seconds:.2f} s")

        self._clock.start("removal", work)

    def _ask(self, ordinal: int, group_name: str, seen: bytes, seconds: float) -> str:
        answer = self._pod.ask_own_to_remove(ordinal, group_name, seconds)
        if answer in xcom.SETTLED:
            self._settled = {(ordinal, seen)} | {one for one in self._settled if one[1] == seen}
        return answer.name

    def _name(self, ordinal: int) -> str:
        return names.pod(self._pod.me.cluster, ordinal)
