"""How often an agent publishes, and asks the API server: often while anything happens, else rarely."""

from __future__ import annotations

from collections.abc import Iterable

from mysqlops.agent import watching
from mysqlops.clock import Clock
from mysqlops.core import publication, view
from mysqlops.planning import calm

_ECHO_SECONDS = 10.0  # after that long, a watch that has not shown this agent's own report is not trusted
_AGAIN_SECONDS = 1.0
_LEASE_SECONDS = 60.0  # in case the watch has shown no change
_GREET_SECONDS, _GREET_EVERY_SECONDS = 3.0, 1.0
_REFRESH_SECONDS, _CALM_REFRESH_SECONDS = 15.0, 60.0


class Pace:
    """One agent's; `promised` is within how many seconds the next report follows, as the last one says."""

    def __init__(self, pod: str, watched: watching.Watching, clock: Clock) -> None:
        self._pod, self._watched, self._clock = pod, watched, clock
        self._memory = calm.Memory()
        self._said: publication.Publication | None = None
        self._said_at = self._refreshed_at = clock.monotonic()
        self._refreshed: publication.Publication | None = None
        self._hint: str | None = None
        self._asked_for: str | None = None
        self._asked_at = -_AGAIN_SECONDS
        self._met: frozenset[tuple[str, str, str]] = frozenset()
        self._greets_until = 0.0
        self.is_calm = False
        self.promised = calm.BEAT_SECONDS

    def look(self, seen: publication.Publication, record: view.GroupRecord | None) -> None:
        """The publisher begins a turn."""
        now, watched = self._clock.monotonic(), self._watched
        shown = None if watched.lease is None else watched.shown
        sight = calm.Sight(self._pod, seen, record, shown, self._is_echoed(now))
        self._memory = calm.look(self._memory, sight, now)
        self.is_calm = self._memory.is_calm(now)

    def _is_echoed(self, now: float) -> bool:
        one = (self._watched.shown or {}).get(self._pod)
        shown = one.said if one else None
        if shown is None or self._said is None or shown.started != self._said.started:
            return False
        return shown.beat >= self._said.beat or now < self._said_at + _ECHO_SECONDS

    def said(self, complete: publication.Publication) -> None:
        """The API server has taken this report."""
        self._said, self._said_at, self.promised = complete, self._clock.monotonic(), complete.beat_seconds

    def meet(self, peers: Iterable[view.Peer]) -> None:
        """The other agents, as a member without a group sees them. A report counts for an agent once its number has
        grown (cluster_api.py), and one that has just started would wait for that until the next beat: the group forms
        sooner if the others report again at once."""
        reports = [(peer.name, one.pod_uid, one.started) for peer in peers if (one := peer.publication)]
        if not self._met.issuperset(reports):
            self._greets_until = self._clock.monotonic() + _GREET_SECONDS
        self._met = frozenset(reports)

    def next_promise(self) -> float:
        return calm.CALM_BEAT_SECONDS if self.is_calm else calm.BEAT_SECONDS

    def is_beat_due(self, seen: publication.Publication) -> bool:
        now, seconds = self._clock.monotonic(), min(self.promised, self.next_promise())
        if now < self._greets_until:
            seconds = _GREET_EVERY_SECONDS
        elif calm.has_moved(self._said, seen):
            seconds = calm.BEAT_SECONDS
        return now >= self._said_at + seconds

    def is_record_due(self, heard_at: float, version: str) -> bool:
        """Whether the Lease is to be read although nothing was published: the watch shows another version than was last
        read, or that is long ago."""
        now, hint = self._clock.monotonic(), self._watched.lease
        if now < self._asked_at + _AGAIN_SECONDS:
            return False
        if hint in (None, self._hint, version) and now < heard_at + _LEASE_SECONDS:
            return False
        self._asked_at, self._asked_for = now, hint
        return True

    def heard(self) -> None:
        """The Lease has been read as that asked for. Each hint leads to one look, whatever version that finds: the
        watch may lag behind."""
        self._hint = self._asked_for

    def is_refresh_due(self, seen: publication.Publication) -> bool:
        """Whether the Secrets and accounts are to be looked at; whoever changes an account leaves a transaction."""
        now = self._clock.monotonic()
        is_idle = self.is_calm and not calm.has_moved(self._refreshed, seen)
        if now < self._refreshed_at + (_CALM_REFRESH_SECONDS if is_idle else _REFRESH_SECONDS):
            return False
        self._refreshed_at, self._refreshed = now, seen
        return True
