"""Tells the others: the member's publication and role label, on change at once and as a beat every few seconds.

The API server may be away: then it is asked again with growing pauses, never in step with the other agents.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TypeVar

from mysqlops import errors
from mysqlops.agent import log, surroundings
from mysqlops.clock import Clock
from mysqlops.core import names, publication, view

T = TypeVar("T")
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)
_BEAT_SECONDS = 5.0
_FROZEN_SECONDS = 4.0
_DOUBT_SECONDS = 8.0


class Publisher:
    """One agent's voice; also keeps the Lease's record as it was last read."""

    def __init__(self, around: surroundings.Surroundings, words: log.Log, clock: Clock) -> None:
        self._around, self._log, self._clock = around, words, clock
        self._last: publication.Publication | None = None
        self._beat = self._failures = 0
        self._published_at = self._pause_until = self._doubt_until = 0.0
        self._turned_at = clock.monotonic()
        self.record: view.GroupRecord | None = None

    def ask(self, call: Callable[[], T]) -> T | None:
        """The answer of a call to the API server, or None if it does not answer or is being spared."""
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

    def publish_if_due(self, seen: publication.Publication, replicas: frozenset[str]) -> None:
        """`replicas` are the pods that the group shows ONLINE as replicas."""
        now = self._clock.monotonic()
        self._notice_freeze(now)
        changed = self._last is None or not self._last.is_same_but_for_time(seen)
        if not changed and now < self._published_at + _BEAT_SECONDS:
            return
        if seen.role == names.ROLE_PRIMARY and now < self._doubt_until:
            return
        if self.ask(lambda: self._publish(seen, replicas)) is not None:
            self.record = self.ask(self._around.record) or self.record

    def publish(self, seen: publication.Publication) -> None:
        """Raises KubeError."""
        self._publish(seen, frozenset())

    def strip(self, pods: Collection[str]) -> None:
        """Take the primary label from members that do not lead any more; nothing if the API server is away."""
        labelled = self.ask(self._around.labelled_primary) or []
        for pod in labelled:
            if pod in pods:
                self.ask(lambda pod=pod: self._strip(pod))  # type: ignore[misc]

    def _publish(self, seen: publication.Publication, replicas: frozenset[str]) -> bool:
        """A primary takes its predecessor's label first (CloudNativePG PR #10409), unless that one is known to be a
        read-only replica of the same group: then the Service need not lead nowhere for kube-proxy's second."""
        becomes_primary = self._last is None or self._last.role != names.ROLE_PRIMARY
        stale = self._around.labelled_primary() if seen.role == names.ROLE_PRIMARY and becomes_primary else []
        for pod in stale:
            if pod not in replicas:
                self._strip(pod)
        self._beat += 1
        self._around.publish(seen.role, publication.dump(replace(seen, beat=self._beat)))
        self._last, self._published_at = seen, self._clock.monotonic()
        for pod in stale:
            if pod in replicas:
                self._strip(pod)
        return True

    def _strip(self, pod: str) -> bool:
        self._around.label(pod, names.ROLE_NONE)
        self._log.say(f"took the primary label from {pod}")
        return True

    def _notice_freeze(self, now: float) -> None:
        """Thawed, a primary believes for some seconds that it still leads: its label is not renewed meanwhile."""
        if now - self._turned_at > _FROZEN_SECONDS:
            self._log.say(f"nothing ran here for {now - self._turned_at:.0f} s: the primary label is not renewed yet")
            self._doubt_until = now + _DOUBT_SECONDS
        self._turned_at = now

    def _failed(self, error: errors.KubeError) -> None:
        self._log.say_if_new("api", f"the API server: {error}")
        pause = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        self._pause_until = self._clock.monotonic() + pause * random.uniform(0.75, 1.25)  # noqa: S311
