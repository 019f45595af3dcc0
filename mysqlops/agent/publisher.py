"""Talks to the API server on a thread of its own, so that the control loop never blocks on it.

It publishes the member's state and role label, immediately on a change and as a beat (pace.py says how often), and
reads the other members when the loop needs them. An unreachable API server is retried with growing pauses (by a primary
whose label it does not show: each second), never in step with the other agents.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from mysqlops import errors
from mysqlops.agent import beats, cluster_api, log, pace
from mysqlops.clock import Clock, Task
from mysqlops.core import group, instant, names, publication, routing, view
from mysqlops.planning import standing, stuck_group

T = TypeVar("T")
Refresh = Callable[[view.GroupRecord | None], None]  # takes the Lease as last read
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)
_LOOK_SECONDS, _NEWS_LOOK_SECONDS = 1.0, 0.25
_SOON_SECONDS = 6.0  # a beat later
_COPY_SECONDS = 300.0
_GONE_LOOKS = 5  # about a minute
_TURN_SECONDS = 0.25
_STALE_SECONDS = 10.0  # a stuck loop knows nothing: its old report must not look fresh
_NOT_SERVING = (view.DOWN, publication.UNKNOWN, view.OFFLINE, view.RECOVERING)


@dataclass(frozen=True)
class Observation:
    """What the loop hands over: the publication, the pods that the group shows ONLINE as replicas, the primaries that
    a majority has lost, and whether the loop wants to see the other members. `at` is when the server was asked (seconds
    of the agent's clock), `present` what is remembered of its group."""

    seen: publication.Publication
    server: view.ServerView | None
    at: float
    present: standing.Present
    replicas: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    wants_look: bool = False

    def is_urgent(self, before: Observation | None) -> bool:
        return before is None or self.lost != before.lost or not self.seen.is_same_but_for_time(before.seen)


def _label(seen: publication.Publication) -> str | None:
    """A crashed primary keeps its label until another member leads: its closed port refuses clients at once, whereas a
    Service without endpoints lets most of their attempts time out (ICMP answers are rate-limited)."""
    return None if seen.role == names.ROLE_NONE and seen.state in _NOT_SERVING else seen.role


class Publisher:
    """Publishes one member's state and reads its peers'. `seen` and `record` are what it last read, None if unknown;
    `sightings` counts members that are outside the group that still counts them."""

    def __init__(self, around: cluster_api.ClusterApi, logger: log.Log, clock: Clock, refresh: Refresh) -> None:
        self._around, self._log, self._clock, self._refresh = around, logger, clock, refresh
        self._pace = pace.Pace(around.pod, around.watching, clock)
        self._observed: Observation | None = None
        self._gone: dict[str, int] = {}  # members recorded as joining without a pod -> looks in a row
        self._kept: tuple[str | None, group.Note] | None = None  # of what a Secret holds a copy
        self._kept_at = 0.0
        self.turned_at = clock.monotonic()
        self._said: publication.Publication | None = None
        self._stripped: frozenset[str] = frozenset()
        self._labels: routing.Labels | None = None  # of this pod, as the API server last answered
        self._leaves_replicas_at: float | None = None
        self._held: str | None = None  # what the server held when it last answered; None until that is known
        self._started = instant.precise(clock.now())
        self._beat = self._failures = 0
        self._looked_at = self._pause_until = self._heard_at = 0.0
        self._news = 0  # of the watch, at the last look
        self._wake, self._over = clock.signal(), clock.signal()
        self._task: Task | None = None
        self.seen: view.Surroundings | None = None
        self.record: view.GroupRecord | None = None
        self.sightings = stuck_group.Sightings()

    def start(self) -> None:
        self._task = self._clock.start("publisher", self._run)
        self._around.watching.start(self._wake.set)

    def stop(self) -> None:
        """Stop publishing."""
        self._over.set()
        self._wake.set()
        if self._task is not None:
            self._task.join()

    def is_away(self) -> bool:
        """True if the API server did not answer when it was last asked."""
        return self._failures > 0

    def offer(self, observed: Observation) -> None:
        """Take the news to publish; never waits."""
        before, self._observed = self._observed, observed
        if observed.is_urgent(before):
            self._wake.set()

    def ask(self, call: Callable[[], T]) -> T | None:
        """The result of a call to the API server, or None if it does not answer or a pause is not over."""
        if self._clock.monotonic() < self._pause_until:
            return None
        try:
            answer = call()
        except errors.KubeError as error:
            self._failed(error)
            return None
        self._failures = 0
        self._log.say_if_new("api", "")
        return answer

    def publish(self, seen: publication.Publication, replicas: frozenset[str] = frozenset()) -> bool:
        """A primary removes its predecessor's label first (CloudNativePG PR #10409). If that member is known not to
        lead, a replica of the same group, or down, its label goes last: the Service is not empty for kube-proxy's
        second."""

        becomes_primary = self._said is None or self._said.role != names.ROLE_PRIMARY
        stale = self._around.labelled_primary() if seen.role == names.ROLE_PRIMARY and becomes_primary else {}
        harmless = [pod for pod, state in stale.items() if pod in replicas or state in _NOT_SERVING]
        for pod in stale.keys() - harmless:
            self._strip(pod)
        self._beat += 1
        # A mere beat leaves the label alone: a switchover in another pod may have just set it. If wrong twice, it is
        # set.
        is_news = self._said is None or self._said.role != seen.role or self._said.state != seen.state
        is_wrong = self._labels is not None and self._labels.is_wrong_for(seen.role)
        label = _label(seen) if is_news or is_wrong else None
        promise = self._pace.next_promise()
        complete = replace(
            seen, held=self._still_held(seen), started=self._started, beat=self._beat, beat_seconds=promise
        )
        self._labels = self._around.publish(label, publication.dump(complete))
        self._said = seen
        self._pace.said(complete)
        for pod in harmless:
            self._strip(pod)
        return True

    def _still_held(self, seen: publication.Publication) -> str:
        """A server that does not answer holds what it last reported, or more; a restarted agent reads that on its own
        pod."""
        if seen.server_uuid:
            self._held = seen.held
        elif self._held is None:
            self._held = self._around.last_held()
        return self._held or ""

    def _run(self) -> None:
        while not self._over.is_set():
            self._wake.wait(_TURN_SECONDS)
            self._wake.clear()
            self._try_turn()

    def _try_turn(self) -> None:
        """The top of the thread: after any error, the next turn tries again."""
        observed = self._observed
        if observed is None or self._over.is_set():
            return
        try:
            self._turn(observed)
        except Exception as error:
            self._log.unexpected("turn", error)
        else:
            self.turned_at = self._clock.monotonic()

    def _turn(self, observed: Observation) -> None:
        self._pace.look(observed.seen, self.record)
        self._keep_note(observed)
        self._publish_if_due(observed)
        self._hear_if_due(observed)
        self._leave_replicas_if_due()
        self._strip_lost(observed.lost)
        self._look_if_wanted(observed)
        self._refresh_if_due(observed)

    def _publish_if_due(self, observed: Observation) -> None:
        changed = self._said is None or not self._said.is_same_but_for_time(observed.seen)
        now = self._clock.monotonic()
        if not (changed or self._pace.is_beat_due(observed.seen)) or now > observed.at + _STALE_SECONDS:
            return
        before = self._labels
        if self.ask(lambda: self.publish(observed.seen, observed.replicas)):
            if before and self._labels and before.role not in (None, self._labels.role):
                self._around.label_moved(self._clock.monotonic() - observed.at)
            if not observed.wants_look and (changed or not self._pace.is_calm):
                self._hear(self.ask(self._around.record))

    def _hear_if_due(self, observed: Observation) -> None:
        version = self.record.version if self.record else ""
        if not observed.wants_look and self._pace.is_record_due(self._heard_at, version):
            record = self.ask(self._around.record)
            self._hear(record)
            if record is not None:
                self._pace.heard()

    def _leave_replicas_if_due(self) -> None:
        """A second after it became the primary: kube-proxy must apply the change of NAME-primary first."""
        now, labels = self._clock.monotonic(), self._labels
        if labels is None or labels.role != names.ROLE_PRIMARY or not labels.reads:
            self._leaves_replicas_at = None
        elif self._leaves_replicas_at is None:
            self._leaves_replicas_at = now + routing.PROXY_SECONDS
        elif now >= self._leaves_replicas_at:
            self._labels = self.ask(self._around.leave_replicas) or labels

    def _hear(self, record: view.GroupRecord | None) -> None:
        if record is not None:
            self.record, self._heard_at = record, self._clock.monotonic()

    def _keep_note(self, observed: Observation) -> None:
        """Record the view that this member leads. The view was seen after the record was read, and the Lease must be
        unchanged: no member that recorded that it joins is left out."""
        record = self.record
        if record is None or observed.server is None or observed.at <= self._heard_at:
            return
        present = observed.present
        wanted = standing.noted(self._around.pod, observed.server, record, present.since, present.known)
        if wanted is not None and self.ask(lambda: self._around.note(wanted, record)) is not None:
            self._hear(self.ask(self._around.record))
            if self.record is not None:  # whom the Lease no longer counts may lose its claim at any moment
                self._keep_copy(self.record)

    def _strip_lost(self, lost: frozenset[str]) -> None:
        """The majority elects another primary in a second or two; by then the Service must not route to the lost
        one."""
        if lost and lost != self._stripped:
            for pod in self.ask(self._around.labelled_primary) or {}:
                if pod in lost:
                    self.ask(lambda pod=pod: self._strip(pod))  # type: ignore[misc]
        self._stripped = lost

    def _look_if_wanted(self, observed: Observation) -> None:
        now, watching = self._clock.monotonic(), self._around.watching
        if not observed.wants_look:
            self.seen = None
            self._watch_for_stuck_group(observed, now)
        elif now >= self._looked_at + (_LOOK_SECONDS if self._news == watching.news else _NEWS_LOOK_SECONDS):
            self._looked_at, self._news, self.sightings = now, watching.news, stuck_group.Sightings()
            self.seen = self.ask(self._around.look)
            self._hear(self.seen.record if self.seen else None)
            self._pace.meet(self.seen.peers if self.seen else ())

    def _watch_for_stuck_group(self, observed: Observation, now: float) -> None:
        if self._pace.is_calm:
            self.sightings = stuck_group.Sightings()  # each member's report shows that it is in the group
        elif now >= self._looked_at + stuck_group.LOOK_SECONDS:
            is_first = now >= self._looked_at + beats.FRESH_SECONDS  # it only shows which beats count from now on
            self._looked_at = now - (stuck_group.LOOK_SECONDS - _SOON_SECONDS if is_first else 0.0)
            peers = self.ask(self._around.peers) or ()
            self.sightings = stuck_group.look(self.sightings, observed.seen, peers)

    def _refresh_if_due(self, observed: Observation) -> None:
        record = self.record
        if self._pace.is_refresh_due(observed.seen):
            if record is not None and observed.server is not None and observed.seen.role == names.ROLE_PRIMARY:
                self._keep_copy(record)
                self._drop_joining(record, observed.server)
            self.ask(lambda: self._refresh(record))

    def _keep_copy(self, record: view.GroupRecord) -> None:
        """Every few minutes too: somebody may have removed it. Not before the group is recorded: the mark of whoever
        forms it must not outlive that moment (planning/origin.py)."""
        if not record.incarnation():
            return
        kept, now = (record.bootstrapped_by, record.note), self._clock.monotonic()
        is_due = kept != self._kept or now >= self._kept_at + _COPY_SECONDS
        if is_due and self.ask(lambda: self._around.keep_copy(record)):
            self._kept, self._kept_at = kept, now

    def _drop_joining(self, record: view.GroupRecord, server: view.ServerView) -> None:
        """Drop the records of members that were scaled away before they ever joined."""
        absent = [pod for pod in record.note.joining if self.ask(partial(self._around.exists, pod)) is False]
        self._gone = {pod: self._gone.get(pod, 0) + 1 for pod in absent}
        long_gone = [pod for pod, looks in self._gone.items() if looks >= _GONE_LOOKS]
        wanted = standing.without_joining(long_gone, server, record)
        if wanted is not None:
            self.ask(lambda: self._around.note(wanted, record))

    def _strip(self, pod: str) -> bool:
        self._around.label(pod, names.ROLE_NONE)
        self._log.say(f"removed the primary label from {pod}")
        return True

    def _awaits_label(self) -> bool:
        """Clients of the Service wait for this primary's label: it alone of its cluster goes on asking each second."""
        leads = self._observed is not None and self._observed.seen.role == names.ROLE_PRIMARY
        return leads and (self._labels is None or self._labels.role != names.ROLE_PRIMARY)

    def _failed(self, error: errors.KubeError) -> None:
        self._log.say_if_new("api", f"the API server: {error}")
        pause = RETRY_SECONDS[0 if self._awaits_label() else min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        self._pause_until = self._clock.monotonic() + pause * random.uniform(0.75, 1.25)  # noqa: S311
