"""Form the group, or join it: what must be written to the Lease first, so that dying in between does no harm."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from mysqlops import errors
from mysqlops.agent import cluster_api, member
from mysqlops.clock import Clock
from mysqlops.core import group, view
from mysqlops.mysql import group_replication
from mysqlops.planning import member_actions

# An agent may be paused between deciding and acting: it must look again then.
_DECISION_SECONDS = 10.0
_ASKED_SECONDS = 30.0  # asking takes a minute, and further looks follow before the group is formed
_APPLY_SECONDS, _APPLY_POLL_SECONDS = 600.0, 0.5  # the next try continues where this one stopped
_NOTE_PAUSES = (0.05, 0.1, 0.2, 0.4)
# Only a server outside any group causes this. Any other failure may be a wrong password or a slow group.
_NO_GROUP = "connection delegation"


class Starting:
    """One member's starts; called in the background, one at a time. Raises MysqlopsError; the next try looks again."""

    def __init__(self, server: member.Member, around: cluster_api.ClusterApi, clock: Clock) -> None:
        self._member, self._around, self._clock = server, around, clock
        self._asked: tuple[Sequence[str], float] = ((), 0.0)  # members that answer but are in no group

    def form(self, action: member_actions.FormGroup, server: view.ServerView) -> None:
        """Take the Lease if it is unchanged since the decision, then form the group. No client gets in until the Lease
        records the new incarnation (planning/standing.py): if another member forms a group meanwhile, this one
        leaves."""
        decided_on = action.record
        if self._joins_instead(action.ask, server):
            return
        if self._clock.monotonic() - decided_on.read_at > _DECISION_SECONDS:
            raise errors.Conflict("the decision to form the group is too old: looking again")
        note = self._around.take_lease(decided_on, server.server_uuid)
        if note is None:
            raise errors.Conflict("the Lease has changed since the decision: looking again")
        self._member.form(note.name)

    def join(self, seeds: Sequence[str], server: view.ServerView) -> None:
        """Record that this member may be in the group from now on, then join it."""
        self._member.join(seeds, self._note_joining(server).name)

    def copy(self, donor: str, server: view.ServerView) -> None:
        """Record the same before cloning: this data directory is then not an outcast's, whatever it holds."""
        self._note_joining(server)
        self._member.copy(donor)

    def apply(self) -> None:
        """Apply what was received; the next look at the server shows whether that failed."""
        with self._member.connect() as server:
            self._member.provide_zones(server)
            group_replication.start_applier(server)
            deadline = self._clock.monotonic() + _APPLY_SECONDS
            while self._clock.monotonic() < deadline and group_replication.applies(server):
                seen = group_replication.observe(server)
                if not seen.received.subtract(seen.executed):
                    break
                self._clock.sleep(_APPLY_POLL_SECONDS)
            group_replication.stop_applier(server)

    def _note_joining(self, server: view.ServerView) -> group.Note:
        """Retries at once on conflicts: other members write to the Lease in the same seconds."""
        for pause in _NOTE_PAUSES:
            with contextlib.suppress(errors.Conflict):
                return self._around.note_joining(server.server_uuid, holds_data=bool(server.known()))
            self._clock.sleep(pause)
        return self._around.note_joining(server.server_uuid, holds_data=bool(server.known()))

    def _joins_instead(self, silent: Sequence[str], server: view.ServerView) -> bool:
        """Members that a user gave up, with silent agents, may still be a running group that is only cut off from the
        API server: this member tries to join those that answer before another group is formed."""
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
                text = f"{', '.join(answering)} answers, but it is unknown whether a group runs there: {error}"
                raise errors.StepFailed(text, hint="stop it first, or bring its agent back") from error
        self._asked = silent, self._clock.monotonic()
        return False
