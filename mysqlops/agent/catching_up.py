"""Catch up as an ordinary replica before joining; planning/catching_up.py decides from whom and until when.

Each step may be the agent's last one. What a dead agent leaves is a channel, running or not: planning/membership.py has
it settled before anything else, and group_replication.start removes any that is left. The loop says at each turn
whether the decision still holds; if it does not, receiving stops within half a second.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from mysqlops import errors
from mysqlops.agent import log, member, pod
from mysqlops.clock import Clock
from mysqlops.core import gtid
from mysqlops.mysql import catching_up as channel
from mysqlops.mysql import connect
from mysqlops.planning import catching_up, member_actions

_POLL_SECONDS = 0.25
_SETTLE_SECONDS = 600.0  # the next try continues where this one stopped


class CatchingUp:
    """One member's; `run` and `settle` are called in the background, one at a time, and raise MysqlopsError."""

    def __init__(self, own: pod.Pod, server: member.Member, words: log.Log, clock: Clock) -> None:
        self._pod, self._member, self._log, self._clock = own, server, words, clock
        self._is_wanted = self._is_over = False
        self.memory = catching_up.Memory()

    def look(self, action: member_actions.Action) -> None:
        """What the loop has decided at this turn. A member that serves has nothing to catch up. Settle is decided only
        without a run: one that has begun since then goes on."""
        if isinstance(action, member_actions.Settle):
            return
        source = self.memory.source
        self._is_wanted = isinstance(action, member_actions.CatchUp) and source in ("", action.source)
        if isinstance(action, member_actions.Serve):
            self.memory = catching_up.Memory(at_least=self.memory.at_least)

    def stop(self) -> None:
        """The agent ends."""
        self._is_over = True

    def is_ready(self) -> bool:
        """Whether it has just caught up, so that it joins without a pause."""
        return self._clock.monotonic() < self.memory.ready_until

    def act(self, action: member_actions.CatchUp | member_actions.Settle) -> None:
        if isinstance(action, member_actions.CatchUp):
            self.run(action)
        else:
            self.settle(action)

    def run(self, action: member_actions.CatchUp) -> None:
        """Returns once little is missing, or if that member cannot give what is missing, or nobody wants it any more.
        Raises StepFailed if it gets no closer."""
        self.memory = replace(self.memory, source=action.source, ready_until=0.0)
        try:
            with self._pod.server_of(action.source) as source, self._member.connect() as own:
                self._run(action, source, own)
        finally:
            self.memory = replace(self.memory, source="")

    def _run(self, action: member_actions.CatchUp, source: connect.Server, own: connect.Server) -> None:
        connect.set_read_timeout(own, channel.STOP_SECONDS)
        asked = self._ask(action, source)
        held = channel.executed(own)
        if not asked.purged.is_subset(held):
            self._log.say(f"{action.source} no longer has the binary logs that this member needs")
            self.memory = replace(self.memory, unable=self.memory.unable | {action.source})
            return
        missing = asked.executed.subtract(held).count()
        self._log.say(f"catching up from {action.source}: {missing} transactions are missing")
        pace = catching_up.first(asked.executed, missing, self._clock.monotonic())
        self._member.provide_zones(own)
        if self._is_over or not self._is_wanted:  # the loop has looked meanwhile
            return
        self._pod.receive_from(action.source, own)
        try:
            while not catching_up.is_close(self.memory, pace, missing):
                self._clock.sleep(_POLL_SECONDS)
                if self._is_over or not self._is_wanted:
                    return
                asked = self._ask(action, source)
                missing = asked.executed.subtract(self._check(own, asked).executed).count()
                pace = catching_up.look(pace, asked.executed, missing, self._clock.monotonic())
                if catching_up.is_stalled(pace, self._clock.monotonic()):
                    raise errors.StepFailed(f"it gets no closer to {action.source}: {missing} transactions are missing")
            self._settle(own)
        except errors.MysqlopsError:
            with contextlib.suppress(errors.MysqlError):
                channel.stop(own)  # what it received counts, and is settled next
            raise
        finally:
            with contextlib.suppress(errors.MysqlError):
                channel.stop_receiving(own)
        self._log.say(f"caught up: {missing} transactions are missing, at {pace.per_second:.0f} a second")
        self._note_ready(action, source)

    def _ask(self, action: member_actions.CatchUp, source: connect.Server) -> channel.Source:
        """Raises StepFailed if another server answers, or if it no longer serves: the loop learns from publications,
        seconds later, that it has left its group."""
        asked = channel.ask(source)
        if action.server_uuid not in ("", asked.server_uuid):
            raise errors.StepFailed(f"{action.source} is another server than the one that was seen in the group")
        if not asked.serves:
            raise errors.StepFailed(f"{action.source} no longer serves")
        self.memory = replace(self.memory, seen=asked.executed)
        return asked

    def _check(self, own: connect.Server, asked: channel.Source) -> channel.State:
        """The channel's state; raises StepFailed if it has stopped, or receives from somebody else."""
        state = channel.state(own)
        if state is None or state.trouble():
            raise errors.StepFailed(f"its channel stopped: {state.trouble() if state else 'somebody removed it'}")
        if state.source not in ("", asked.server_uuid):
            raise errors.StepFailed("its channel is connected to another server than the one that was asked")
        return state

    def _note_ready(self, action: member_actions.CatchUp, source: connect.Server) -> None:
        self._ask(action, source)  # all that was received meanwhile is in its set by now
        self.memory = replace(self.memory, ready_until=self._clock.monotonic() + catching_up.READY_SECONDS)

    def settle(self, action: member_actions.Settle) -> None:
        """Apply what an earlier channel received, and remove it. Raises StepFailed if that cannot be applied and may
        exist nowhere else."""
        with self._member.connect() as server:
            connect.set_read_timeout(server, channel.STOP_SECONDS)
            try:
                self._settle(server)
            except errors.MysqlopsError:
                if not self._is_elsewhere(server, action.group_has):
                    raise
                channel.remove(server)

    def _is_elsewhere(self, server: connect.Server, group_has: gtid.GtidSet | None) -> bool:
        """Whether all that is left to apply is also elsewhere, as far as that may be asked yet."""
        if group_has is None:
            return False
        channel.stop(server)
        found = channel.state(server)
        left = found.left() if found else gtid.GtidSet()
        has = left.is_subset(group_has)
        if has and left:
            self._log.say(f"what its channel received is dropped, since the group has executed it: {left}")
        return has

    def _settle(self, server: connect.Server) -> None:
        channel.stop_receiving(server)
        self._member.provide_zones(server)
        channel.start_applying(server)
        deadline = self._clock.monotonic() + _SETTLE_SECONDS
        while (state := channel.state(server)) is not None and state.left():
            if state.unapplied or self._clock.monotonic() >= deadline:
                raise errors.StepFailed(f"what it received cannot be applied: {state.unapplied or 'it takes too long'}")
            self._clock.sleep(_POLL_SECONDS)
        channel.remove(server)
