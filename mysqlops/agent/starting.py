"""Form the group, or join it: what must be written to the Lease before, so that no death in between does harm."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from mysqlops import errors
from mysqlops.agent import member, surroundings
from mysqlops.clock import Clock
from mysqlops.core import group, view
from mysqlops.mysql import group_replication
from mysqlops.planning import member_actions

# An agent may be stopped between its decision and its deed: it must look again then.
_DECISION_SECONDS = 10.0
_ASKED_SECONDS = 30.0  # asking takes a minute, and more looks follow before the group is formed
_APPLY_SECONDS, _APPLY_POLL_SECONDS = 600.0, 0.5  # it goes on where it was at the next try
_NOTE_PAUSES = (0.05, 0.1, 0.2, 0.4)
# What only a server that is in no group causes. Whatever else fails may be a wrong password or a slow group.
_NO_GROUP = "connection delegation"


class Starting:
    """One member's starts; called in the background, one at a time. Raises MysqlopsError: the next try looks again."""

    def __init__(self, server: member.Member, around: surroundings.Surroundings, clock: Clock) -> None:
        self._member, self._around, self._clock = server, around, clock
        self._asked: tuple[Sequence[str], float] = ((), 0.0)  # who is in no group, though somebody answers there

    def form(self, action: member_actions.FormGroup, server: view.ServerView) -> None:
        """Take the Lease as it was when that was decided, then form the group. No client gets in until the Lease notes
        the new incarnation (planning/standing.py): should another member form one meanwhile, this one leaves."""
        decided_on = action.record
        if self._joins_instead(action.ask, server):
            return
        if self._clock.monotonic() - decided_on.read_at > _DECISION_SECONDS:
            raise errors.Conflict("the decision to form the group is too old: looking again")
        note = self._around.take_lease(decided_on, server.server_uuid)
        if note is None:
            raise errors.Conflict("the Lease has changed since that was decided: looking again")
        self._member.form(note.name)

    def join(self, seeds: Sequence[str], server: view.ServerView) -> None:
        """Note that this member may be in the group from now on, then join it."""
        self._member.join(seeds, self._note_joining(server).name)

    def copy(self, donor: str, server: view.ServerView) -> None:
        """Note the same before a donor's data comes: this data directory is no outcast's, whatever it holds then."""
        self._note_joining(server)
        self._member.copy(donor)

    def apply(self) -> None:
        """Apply what was received; whether that failed, the next look at the server says."""
        with self._member.connect() as server:
            group_replication.start_applier(server)
            deadline = self._clock.monotonic() + _APPLY_SECONDS
            while self._clock.monotonic() < deadline and group_replication.applies(server):
                seen = group_replication.observe(server)
                if not seen.received.subtract(seen.executed):
                    break
                self._clock.sleep(_APPLY_POLL_SECONDS)
            group_replication.stop_applier(server)

    def _note_joining(self, server: view.ServerView) -> group.Note:
        """Other members write to the Lease in the same seconds: that is no reason to wait for the next try."""
        for pause in _NOTE_PAUSES:
            with contextlib.suppress(errors.Conflict):
                return self._around.note_joining(server.server_uuid, holds_data=bool(server.known()))
            self._clock.sleep(pause)
        return self._around.note_joining(server.server_uuid, holds_data=bool(server.known()))

    def _joins_instead(self, silent: Sequence[str], server: view.ServerView) -> bool:
        """A user gave members up whose agents are silent. They may be a group that runs, cut off from the API server
        only: whoever answers is asked to let this member in before another group is formed."""
        asked, at = self._asked
        if silent == asked and self._clock.monotonic() < at + _ASKED_SECONDS:
            return False
        answering = [pod for pod in silent if self._member.answers(pod)]
        try:
            if answering:
                self.join(answering, server)
                return True
        except errors.StatementFailed as error:
            if _NO_GROUP not in str(error):
                text = f"{', '.join(answering)} answers, and whether a group runs there is not known: {error}"
                raise errors.StepFailed(text, hint="stop it first, or bring its agent back") from error
        self._asked = silent, self._clock.monotonic()
        return False
