"""What the agent's port reports to Prometheus (core/metrics.py).

A scrape asks neither mysqld nor the API server: the port has one thread, which answers kubelet's probes too. For some
minutes after a scrape, a thread of its own reads both every ten seconds; what it last read is reported while it is
fresh. Without scrapes nothing is read.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.agent import api, cluster_api, log, pod
from mysqlops.clock import Clock
from mysqlops.core import histogram, measured, metrics, names, publication
from mysqlops.core.metrics import Sample
from mysqlops.core.typed import Json
from mysqlops.mysql import connect, statistics
from mysqlops.planning import happenings

_READ_SECONDS = 10.0
_CLUSTER_SECONDS = 60.0
_ASKED_SECONDS = 300.0  # as long as anybody's scrape interval, and a missed scrape
_FRESH_SECONDS = 45.0
_VOLUME_SECONDS = 600.0
_VOLUME_LOOKS = 144  # a day
_SINCE_SECONDS = 3600.0  # over a shorter time, growth is noise


@dataclass
class _Counts:
    """What happened since the agent started, as the loop saw it."""

    views: int = 0
    promotions: int = 0
    promoted: float = 0.0  # seconds since 1970


class Metrics:
    """One member's metrics: written by the loop (`turned`) and by its own thread, read by the port's thread."""

    def __init__(self, own: pod.Pod, around: cluster_api.ClusterApi, client: api.Api, clock: Clock) -> None:
        self._pod, self._me, self._around, self._api, self._clock = own, own.me, around, client, clock
        self._log = log.Log(clock)
        self._role = ""  # the last in which the member served
        self._seen: publication.Publication | None = None
        self._counts = _Counts()
        self._elected = histogram.Histogram()
        self._turned_at = self._clock.monotonic()
        self._electing: float | None = None  # the last look at a replica that is elected and takes no writes yet
        self._volume: deque[tuple[float, int]] = deque(maxlen=_VOLUME_LOOKS)
        self._server: tuple[float, list[Sample]] = (0.0, [])
        self._cluster: tuple[float, list[Sample]] = (0.0, [])
        self._kept: connect.Server | None = None
        self._requests = 0
        self._asked_at = -_ASKED_SECONDS
        self._asked = clock.signal()

    def start(self) -> None:
        self._clock.start("metrics", self._run)

    def turned(self, seen: publication.Publication) -> None:
        """The loop saw this."""
        before, self._seen = self._seen, seen
        now = self._clock.monotonic()
        if seen.volume_size and (not self._volume or now >= self._volume[-1][0] + _VOLUME_SECONDS):
            self._volume.append((now, seen.volume_used))
            self._pod.note_growth(self._seconds_to_full())
        if before is not None:
            self._counts.views += bool(before.view_id and seen.view_id and before.view_id != seen.view_id)
        if happenings.is_promoted(self._role, seen):
            self._counts.promotions += 1
            self._counts.promoted = self._clock.now().timestamp()
            self._electing = self._turned_at
        if self._electing is not None and (seen.writable or seen.role == names.ROLE_REPLICA):
            if seen.writable:
                self._elected.add(now - self._electing)
            self._electing = None
        self._turned_at = now
        if seen.role != names.ROLE_NONE:
            self._role = seen.role

    def text(self, *, is_open: bool) -> str:
        self._asked_at = self._clock.monotonic()
        self._asked.set()
        labels = {"mysql_cluster": self._me.cluster, "member": self._me.pod}
        return metrics.text(self._samples(), labels, is_open=is_open)

    def _samples(self) -> Iterator[Sample]:
        if self._seen is not None:
            yield from measured.of_publication(self._seen)
        yield from self._of_agent()
        yield from measured.of_containers(self._around.containers)
        yield from measured.of_orders(self._around.notes, self._me.pod)
        now = self._clock.monotonic()
        for at, found in (self._server, self._cluster):
            if found and now < at + _FRESH_SECONDS + (_CLUSTER_SECONDS if found is self._cluster[1] else 0):
                yield from found

    def _of_agent(self) -> Iterator[Sample]:
        counts, around = self._counts, self._around
        yield Sample("view_changes_total", counts.views)
        yield Sample("promotions_total", counts.promotions)
        yield Sample("label_moves_total", around.label_times.count())
        yield from self._elected.samples("promotion_duration_seconds")
        yield from around.label_times.samples("label_move_duration_seconds")
        if counts.promoted:
            yield Sample("promotion_last_timestamp_seconds", counts.promoted)
        if around.label_times.count():
            yield Sample("label_move_last_duration_seconds", around.label_seconds)
        count, seconds, at = self._pod.switchovers()
        yield Sample("switchovers_total", count)
        if count:
            yield from self._pod.switchover_times().samples("switchover_duration_seconds")
            yield Sample("switchover_last_duration_seconds", seconds)
            yield Sample("switchover_last_timestamp_seconds", at)
        if memory := self._pod.resident_bytes():
            yield Sample("agent_memory_bytes", memory)
        for method, sent in sorted(api.Api.sent.items()):
            yield Sample("agent_api_requests_total", sent, {"method": method})
        yield Sample("agent_metrics_requests_total", self._requests)
        left = self._seconds_to_full()
        if left is not None:
            yield Sample("volume_time_to_full_seconds", left)

    def _seconds_to_full(self) -> float | None:
        """None while the volume does not grow, or is not known for long enough."""
        if self._seen is None or not self._volume:
            return None
        (since, before), now = self._volume[0], self._clock.monotonic()
        grown = self._seen.volume_used - before
        if grown <= 0 or now < since + _SINCE_SECONDS:
            return None
        return (self._seen.volume_size - self._seen.volume_used) * (now - since) / grown

    def _run(self) -> None:
        while True:  # ends with the process
            if self._clock.monotonic() >= self._asked_at + _ASKED_SECONDS:
                self._asked.wait()
            self._asked.clear()
            try:
                self._read_server()
                self._read_cluster()
            except Exception as error:
                self._log.unexpected("metrics", error)
            self._clock.sleep(_READ_SECONDS)

    def _read_server(self) -> None:
        try:
            if self._kept is None:
                self._kept = self._pod.server()
                connect.set_read_timeout(self._kept, statistics.SECONDS)
            self._server = self._clock.monotonic(), statistics.read(self._kept)
        except errors.StatementFailed:  # took too long, or the server is too old: nothing is known
            pass
        except errors.MysqlopsError:
            if self._kept is not None:
                self._kept.close()
            self._kept = None

    def _read_cluster(self) -> None:
        """What the API server knows of the whole cluster, once a minute; the primary also asks about its backups."""
        now = self._clock.monotonic()
        if self._cluster[1] and now < self._cluster[0] + _CLUSTER_SECONDS:
            return
        cluster, found = self._me.cluster, list[Sample]()
        if stateful_set := self._get("apps/v1", "statefulsets", cluster):
            found += measured.of_stateful_set(stateful_set)
        if self._seen is not None and self._seen.role == names.ROLE_PRIMARY:
            for kind in names.SCHEDULES:
                if cron_job := self._get("batch/v1", "cronjobs", names.schedule(cluster, kind)):
                    found += measured.of_schedule(cron_job, kind)
            if lease := self._get("coordination.k8s.io/v1", "leases", names.receiver(cluster)):
                found += measured.of_receiver(lease)
        self._cluster = now, found

    def _get(self, group: str, kind: str, name: str) -> Json | None:
        """None if there is none, or the Role of an older release does not permit to read it."""
        self._requests += 1
        with contextlib.suppress(errors.KubeError):
            return self._api.get(group, kind, name)
        return None
