"""What the agent remembers of the group that its server is in (planning/standing.py), also once its container has
started again: it is kept in the pod's memory, which ends with the pod and with the node's boot, as does the clock that
dates it.

Without it, an agent that restarts while the Lease is from the past would take the cluster's group for another one, and
its member would bar itself.
"""

from __future__ import annotations

from mysqlops.agent import pod
from mysqlops.clock import Clock
from mysqlops.core import group, view
from mysqlops.planning import standing

_KEEP_SECONDS = 1.0  # what is older than standing.py's ten seconds is worth nothing


class Remembered:
    """One member's; `present` is what was last known."""

    def __init__(self, own: pod.Pod, clock: Clock) -> None:
        self._pod, self._clock = own, clock
        self.present = self._kept = standing.Present()

    def load(self) -> None:
        """The agent begins."""
        self.present = standing.remembered(self._pod.standing(), self._clock.monotonic())

    def look(self, server: view.ServerView, at: float, record: view.GroupRecord | None, took: group.Note) -> None:
        """mysqld answered what it was asked at that time; `took` as for Present.look."""
        self.present = self.present.look(server, at, record, took)
        known, kept = self.present.known, self._kept
        if known == standing.UNKNOWN or (known == kept.known and at < kept.at + _KEEP_SECONDS):
            return
        self._kept = self.present
        self._pod.note_standing(self.present.dump())
