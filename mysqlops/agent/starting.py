"""Form the group, or join it: what must be written to the Lease first, so that dying in between does no harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mysqlops import errors
from mysqlops.agent import cluster_api, member, telling
from mysqlops.clock import Clock
from mysqlops.core import group, names, view
from mysqlops.mysql import group_replication
from mysqlops.planning import member_actions, membership, standing

# An agent may be paused between deciding and acting: it must look again then, and before others stop waiting for it.
_DECISION_SECONDS = 10.0
_ASKED_SECONDS = 30.0  # asking takes a minute, and further looks follow before the group is formed
_APPLY_SECONDS, _APPLY_POLL_SECONDS = 600.0, 0.5  # the next try continues where this one stopped
_NOTE_PAUSES = (0.05, 0.1, 0.2, 0.4)
# Only a server outside any group causes this. Any other failure may be a wrong password or a slow group.
_NO_GROUP = "connection delegation"


class Starting:
    """One member's starts; called in the background, one at a time. Raises MysqlopsError; the next try looks again.
    `took` is the note with which the last start took the Lease (standing.taken); empty if it did not."""

    def __init__(self, server: member.Member, around: cluster_api.ClusterApi, clock: Clock) -> None:
        self._member, self._around, self._clock = server, around, clock
        self._asked: tuple[Sequence[str], float] = ((), 0.0)  # members that answer but are in no group
        self.took = standing.UNKNOWN

    def run(self, action: member_actions.Start, situation: membership.Situation, server: view.ServerView) -> None:
        """What was decided in that situation; `server` is how its own server was then."""
        self.took = standing.UNKNOWN
        match action:
            case member_actions.FormGroup():
                self.form(action, situation, server)
            case member_actions.Join():
                self.join(action.seeds or self._everybody(), situation, server, action.seeds)
            case member_actions.Clone():
                self.copy(action.donor, situation, server)
            case member_actions.Apply():
                self.apply()

    def form(self, action: member_actions.FormGroup, situation: membership.Situation, server: view.ServerView) -> None:
        """Prepare, take the Lease, then form the group at once. No client gets in until the Lease records the new
        incarnation (planning/standing.py): if another member forms a group meanwhile, this one leaves."""
        if not self._joins_instead(action.ask, situation, server):
            name = group.name_of(action.record.note, action.record.order)
            self._member.form(name, lambda: self._take_lease(action, name, situation))

    def _take_lease(self, action: member_actions.FormGroup, name: str, situation: membership.Situation) -> None:
        """Decide once more, by a list of the pods that is no cache's: a cache may show members in no group long after
        they are in one, and what they do there leaves the Lease as it is."""
        around = self._around.look(cached=False)
        with self._member.connect() as connection:
            server = group_replication.observe(connection)
        now = self._clock.monotonic()
        again = membership.plan(replace(situation, server=server, around=around, record=around.record, now=now))
        if not isinstance(again, member_actions.FormGroup):
            raise errors.Conflict(f"no group is formed after a second look: {telling.sentence(again)}")
        decided_on = again.record
        if again.ask != action.ask or group.name_of(decided_on.note, decided_on.order) != name:
            raise errors.Conflict("what it forms the group on has changed: looking again")
        taken = self._around.take_lease(decided_on, server.server_uuid, str(server.known()))
        if taken is None:
            raise errors.Conflict("the Lease has changed since the decision: looking again")
        self.took = standing.taken(taken, decided_on)
        if self._clock.monotonic() - decided_on.read_at > _DECISION_SECONDS:
            raise errors.Conflict("the decision to form the group is too old: looking again")

    def join(
        self,
        seeds: Sequence[str],
        situation: membership.Situation,
        server: view.ServerView,
        ask: Sequence[str] = (),
    ) -> None:
        """Prepare, record that this member may be in the group from now on, then join it at once. Those to ask are
        known to be in it, or were by their last words: START GROUP_REPLICATION would try for a minute to reach those
        who have died since, and this member could neither form the group nor hear of another one meanwhile."""
        if not any(self._member.answers(pod) for pod in seeds if pod != self._around.pod):
            raise errors.StepFailed(f"{', '.join(seeds)}: nobody answers on the database's port: looking again")
        decided_on = _record_of(situation)
        self._member.join(seeds, decided_on.note.name, ask, lambda: self._note_joining(server, decided_on))

    def copy(self, donor: str, situation: membership.Situation, server: view.ServerView) -> None:
        """Record the same before cloning: this data directory is then not an outcast's, whatever it holds."""
        decided_on = _record_of(situation)
        self._member.copy(donor, lambda: self._note_joining(server, decided_on))

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

    def note(self, action: member_actions.StayOut | member_actions.NoteOrigin, server: view.ServerView) -> None:
        """Record what this member has from a group that does not count. Outside any group, that is final only if no
        START of an earlier agent is on its way: it may end in that group, where an event commits."""
        if server.state == view.OFFLINE:
            self._member.must_be_outside(action.record.note.name)
        self._around.amend(action.wanted, action.record)

    def _everybody(self) -> tuple[str, ...]:
        return tuple(names.pod_beside(self._around.pod, ordinal) for ordinal in range(names.MAX_MEMBERS))

    def _note_joining(self, server: view.ServerView, decided_on: view.GroupRecord) -> None:
        """Retries at once on conflicts: other members write to the Lease in the same seconds. Preparing may have taken
        a minute on a stalled disk, and meanwhile all may have been lost, and another group formed: this member would
        get into one that perhaps does not count, and that nobody expects to have a second member."""
        for pause in (*_NOTE_PAUSES, None):
            began = self._clock.monotonic()
            try:
                self._around.note_joining(server.server_uuid, decided_on, holds_data=bool(server.known()))
                break
            except errors.Conflict:
                if pause is None:
                    raise
                self._clock.sleep(pause)
        if self._clock.monotonic() - began > _DECISION_SECONDS:
            raise errors.Conflict("the decision to join the group is too old: looking again")

    def _joins_instead(self, silent: Sequence[str], situation: membership.Situation, server: view.ServerView) -> bool:
        """Members that a user gave up, with silent agents, may still be a running group that is only cut off from the
        API server: this member tries to join those that answer before another group is formed."""
        asked, at = self._asked
        if silent == asked and self._clock.monotonic() < at + _ASKED_SECONDS:
            return False
        answering = [pod for pod in silent if self._member.answers(pod)]
        try:
            if answering:
                self.join(answering, situation, server)
                return True
        except errors.StatementFailed as error:
            if _NO_GROUP not in str(error):
                text = f"{', '.join(answering)} answers, but it is unknown whether a group runs there: {error}"
                raise errors.StepFailed(text, hint="stop it first, or bring its agent back") from error
        self._asked = silent, self._clock.monotonic()
        return False


def _record_of(situation: membership.Situation) -> view.GroupRecord:
    """The Lease on which it was decided to go into a group that runs."""
    if situation.around is None:
        raise errors.Conflict("the other members are not known any more: looking again")
    return situation.around.record
