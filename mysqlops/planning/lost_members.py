"""Which member of the group is lost, as agents find out together with `--failure-detection fast`: sooner than the five
seconds after which Group Replication suspects anybody. Pure; agent/heartbeats.py acts. The proof: docs/adr/0061.

An agent misses a member once neither that member's agent, speaking of its mysqld, nor the greeting of its port has been
heard for some time in which this agent itself was never late. It asks its own mysqld to propose the removal only if
agents of a majority of the view miss that member too, in answers of this moment, and none of them hears it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from mysqlops.core import heartbeat, names, view
from mysqlops.planning import obituary

TURN_SECONDS = 0.25
PATIENCE_SECONDS = 2.0
LOOK_SECONDS = 0.6  # without a sign, the member's port is tried
_LATE_SECONDS = 3 * TURN_SECONDS  # a turn that comes later: this agent was starved or frozen
_FRESH_SECONDS = 1.0  # from a question to the answer that counts
_SEEN_SECONDS = 1.5  # since this agent's own mysqld answered
_GROUPS_SECONDS = 5.0  # by then the group itself suspects; a longer pause is no sign of a slow machine
GIVEN_UP_SECONDS = 8.0
_AGAIN_SECONDS = 1.0
_TIMES, _FADES = 2.0, 0.998  # patience with a slow member: times its longest pause, which is forgotten in minutes


@dataclass(frozen=True)
class Ear:
    """What was heard of one member: when its mysqld last lived, its longest recent pause, and its agent's last word."""

    at: float
    worst: float = 0.0
    beat: heartbeat.Beat | None = None
    answers: float = 0.0  # when this agent sent what that word answers

    def patience(self) -> float:
        return max(PATIENCE_SECONDS, _TIMES * self.worst)

    def is_fresh(self, now: float) -> bool:
        """Whether its agent's last word answers what this agent said a moment ago."""
        return self.beat is not None and now <= self.answers + _FRESH_SECONDS

    def lived(self, at: float) -> Ear:
        if at <= self.at:
            return self
        pause, worst = at - self.at, self.worst * _FADES
        return replace(self, at=at, worst=max(worst, pause) if pause < _GROUPS_SECONDS else worst)


@dataclass(frozen=True)
class Memory:
    """One agent's; members by their ordinals."""

    ordinal: int
    session: bytes
    awake_since: float
    turned_at: float
    ears: Mapping[int, Ear] = field(default_factory=dict)
    asked: Mapping[int, float] = field(default_factory=dict)

    def turn(self, now: float) -> Memory:
        is_late = now > self.turned_at + _LATE_SECONDS
        return replace(self, turned_at=now, awake_since=now if is_late else self.awake_since)

    def hear(self, beat: heartbeat.Beat, now: float) -> Memory:
        """An older datagram of the same run, or one from this agent, says nothing."""
        before = self.ears.get(beat.ordinal)
        last = before.beat if before else None
        if beat.ordinal == self.ordinal or (last and last.session == beat.session and last.number >= beat.number):
            return self
        echo = beat.others.get(self.ordinal, heartbeat.Heard())
        answers = echo.number / 1000 if echo.session == self.session else 0.0
        if before is None:
            before = Ear(0.0 if beat.answered is None else now - beat.answered)
        ear = before if beat.answered is None else before.lived(now - beat.answered)
        return self._with(beat.ordinal, replace(ear, beat=beat, answers=answers))

    def greeted(self, ordinal: int, now: float) -> Memory:
        """The member's port sent a greeting. Of a member that no agent spoke for nothing is known."""
        ear = self.ears.get(ordinal)
        return self if ear is None else self._with(ordinal, ear.lived(now))

    def ask(self, ordinal: int, now: float) -> Memory:
        return replace(self, asked={**self.asked, ordinal: now})

    def silent(self, now: float) -> list[int]:
        """Those whose port is to be tried: silent for a moment, and not for long."""
        seconds = {ordinal: now - ear.at for ordinal, ear in self.ears.items()}
        return [ordinal for ordinal, one in seconds.items() if LOOK_SECONDS <= one < GIVEN_UP_SECONDS]

    def missed(self, now: float) -> frozenset[int]:
        """Those that this agent takes for lost: one that it never heard of, or long ago, is the group's business."""
        return frozenset(
            ordinal
            for ordinal, ear in self.ears.items()
            if now - max(ear.at, self.awake_since) >= ear.patience() and now - ear.at < GIVEN_UP_SECONDS
        )

    def _with(self, ordinal: int, ear: Ear) -> Memory:
        return replace(self, ears={**self.ears, ordinal: ear})


@dataclass(frozen=True)
class Sight:
    """The last answer of this agent's own mysqld, and when it was asked."""

    server: view.ServerView | None
    at: float

    def view(self, now: float) -> bytes:
        """NO_VIEW unless this server could propose anything now."""
        server = self.server
        if server is None or now > self.at + _SEEN_SECONDS or server.state != view.ONLINE:
            return heartbeat.NO_VIEW
        return heartbeat.view(server.group_name, server.view_id) if server.has_majority() else heartbeat.NO_VIEW


def is_on(record: view.GroupRecord | None) -> bool:
    """An unknown value, and a Lease that was never read, count as safe."""
    return record is not None and record.failure_detection == view.FAST


def beat(memory: Memory, sight: Sight, now: float) -> heartbeat.Beat:
    """What this agent says to the others."""
    missed = memory.missed(now)
    others = {
        ordinal: heartbeat.Heard(ear.beat.session, ear.beat.number, ordinal in missed)
        for ordinal, ear in memory.ears.items()
        if ear.beat is not None
    }
    answered = None if sight.server is None else max(0.0, now - sight.at)
    return heartbeat.Beat(memory.ordinal, memory.session, int(1000 * now), sight.view(now), answered, others)


def others(sight: Sight, own: int, cluster: str) -> dict[int, view.GroupMember]:
    """The other members of the group that are pods of this cluster, by their ordinals."""
    members = sight.server.members if sight.server is not None else ()
    found = {names.ordinal_of(one.pod): one for one in members if names.is_member(one.pod, cluster)}
    return {ordinal: one for ordinal, one in found.items() if ordinal != own}


def alone_because(memory: Memory, sight: Sight, cluster: str, now: float) -> str:
    """Why this member must accept no clients; empty if it may. Those whom it misses are a majority of its view: if they
    are well, they remove it, and another one leads within a second, long before the group lets this one know."""
    if sight.server is None or sight.server.state != view.ONLINE:
        return ""
    missed = memory.missed(now) & others(sight, memory.ordinal, cluster).keys()
    return "it hears no majority of its group" if 2 * len(missed) > len(sight.server.members) else ""


def plan(memory: Memory, sight: Sight, cluster: str, now: float) -> list[int]:
    """The members to have removed."""
    seen, server = sight.view(now), sight.server
    if seen == heartbeat.NO_VIEW or server is None or not obituary.is_tried(server.version):
        return []
    known = others(sight, memory.ordinal, cluster)
    voices = [
        ear.beat
        for ordinal, ear in memory.ears.items()
        if ear.beat is not None and ear.is_fresh(now) and ear.beat.view == seen
        if ordinal in known and known[ordinal].state == view.ONLINE
    ]
    return [
        ordinal
        for ordinal in sorted(memory.missed(now))
        if ordinal in known and known[ordinal].state in view.IN_GROUP
        if _is_agreed(ordinal, voices, len(server.members)) and now >= memory.asked.get(ordinal, 0.0) + _AGAIN_SECONDS
    ]


def _is_agreed(ordinal: int, voices: Iterable[heartbeat.Beat], members: int) -> bool:
    """A majority of the view, this agent included, misses it, and nobody who answers hears it."""
    among = [one for one in voices if one.ordinal != ordinal]
    miss = [one for one in among if ordinal in one.others and one.others[ordinal].misses]
    return len(miss) == len(among) and 2 * (len(miss) + 1) > members
