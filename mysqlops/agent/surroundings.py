"""What the API server tells an agent, and the few things that an agent tells it.

Reads are done only outside the group or on a role change; in the steady state an agent makes one small PATCH of its
own pod every few seconds.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from mysqlops import errors
from mysqlops.agent import api, settings
from mysqlops.clock import Clock
from mysqlops.core import names, publication, record, view
from mysqlops.planning import membership

# A peer's publication counts only if its beat moved within this many seconds of our own clock: clocks of nodes differ,
# and a dead node's last words stay on its pod for ever.
FRESH_SECONDS = 25.0
# By the nodes' clocks: enough to try to join, which fails harmlessly, and for nothing else.
SEEMS_ALIVE_SECONDS = 6.0


class Surroundings:
    """One agent's sight of the cluster through the API server."""

    def __init__(self, client: api.Api, me: settings.Settings, clock: Clock) -> None:
        self._api, self._me, self._clock = client, me, clock
        self.pod = me.pod
        self._beats: dict[str, tuple[tuple[str, int], float]] = {}

    def look(self) -> membership.Surroundings:
        """Raises KubeError."""
        stateful_set = self._api.get("apps/v1", "statefulsets", self._me.cluster)
        replicas = int(stateful_set["spec"]["replicas"])
        pods = {pod["metadata"]["name"]: pod for pod in self._list_pods()}
        expected = {names.pod(self._me.cluster, ordinal) for ordinal in range(replicas)}
        others = sorted((expected | set(pods)) - {self._me.pod}, key=names.ordinal_of)
        peers = tuple(self._peer(name, pods.get(name)) for name in others)
        return membership.Surroundings(replicas, peers, self.record())

    def record(self) -> view.GroupRecord:
        """The Lease alone; raises KubeError."""
        return self._record(self._lease())

    def label(self, pod: str, role: str) -> None:
        """Set the role label of any member's pod; raises KubeError."""
        self._api.patch("v1", "pods", pod, {"metadata": {"labels": {names.LABEL_ROLE: role}}})

    def publish(self, role: str | None, text: str) -> str | None:
        """Set the own pod's role label (None: leave it) and publication in one request; the label that it has now."""
        metadata: api.Json = {"uid": self._me.pod_uid, "annotations": {names.ANNOTATION_MEMBER: text}}
        if role is not None:
            metadata["labels"] = {names.LABEL_ROLE: role}
        pod = self._api.patch("v1", "pods", self._me.pod, {"metadata": metadata})
        label: str | None = (pod["metadata"].get("labels") or {}).get(names.LABEL_ROLE)
        return label

    def labelled_primary(self) -> dict[str, str]:
        """The other pods that bear the primary label, with the state that each last published; raises KubeError."""
        found = {}
        for metadata in (pod["metadata"] for pod in self._list_pods()):
            is_labelled = (metadata.get("labels") or {}).get(names.LABEL_ROLE) == names.ROLE_PRIMARY
            if is_labelled and metadata["name"] != self._me.pod:
                text = (metadata.get("annotations") or {}).get(names.ANNOTATION_MEMBER)
                published = publication.load(text, metadata["uid"])
                found[metadata["name"]] = published.state if published else publication.UNKNOWN
        return found

    def take_lease(self) -> bool:
        """Take the right to form the group, and record that it is formed; False if another was quicker."""
        lease = self._lease()
        holder = self._record(lease).holder
        if holder not in (None, self._me.pod) and self._record(lease).held_for_seconds < membership.LEASE_SECONDS:
            return False
        now = f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"
        lease.setdefault("spec", {}).update(
            holderIdentity=self._me.pod,
            acquireTime=now,
            renewTime=now,
            leaseDurationSeconds=int(membership.LEASE_SECONDS),
        )
        lease["metadata"].setdefault("annotations", {}).setdefault(
            names.ANNOTATION_BOOTSTRAPPED, f"{self._me.pod} {now}"
        )
        try:
            self._api.update("coordination.k8s.io/v1", "leases", names.group_lease(self._me.cluster), lease)
        except errors.Conflict:
            return False
        return True

    def _list_pods(self) -> list[api.Json]:
        return self._api.list("v1", "pods", names.selector_text(self._me.cluster))

    def _lease(self) -> api.Json:
        return self._api.get("coordination.k8s.io/v1", "leases", names.group_lease(self._me.cluster))

    def _record(self, lease: api.Json) -> view.GroupRecord:
        spec: dict[str, Any] = lease.get("spec") or {}
        annotations: dict[str, str] = lease["metadata"].get("annotations") or {}
        return view.GroupRecord(
            bootstrapped_by=annotations.get(names.ANNOTATION_BOOTSTRAPPED),
            holder=spec.get("holderIdentity"),
            held_for_seconds=self._seconds_since(spec.get("renewTime")),
            fenced=record.fenced(annotations),
            given_up=record.given_up(annotations),
        )

    def _seconds_since(self, text: str | None) -> float:
        if not text:
            return math.inf
        return (self._clock.now() - datetime.fromisoformat(text)).total_seconds()

    def _peer(self, name: str, pod: api.Json | None) -> view.Peer:
        if pod is None:
            self._beats.pop(name, None)
            return view.Peer(name, exists=False)
        metadata = pod["metadata"]
        text = (metadata.get("annotations") or {}).get(names.ANNOTATION_MEMBER)
        published = publication.load(text, metadata["uid"])
        if published is None:
            return view.Peer(name, exists=True)
        seems_alive = self._seconds_since(published.at) < SEEMS_ALIVE_SECONDS
        return view.Peer(name, True, published, self._is_fresh(name, published), seems_alive)

    def _is_fresh(self, name: str, published: publication.Publication) -> bool:
        """True if the beat moved lately. The first sight tells nothing: it may be a dead member's last word."""
        now, beat = self._clock.monotonic(), (published.pod_uid, published.beat)
        seen = self._beats.get(name)
        if seen is None:
            self._beats[name] = (beat, -math.inf)
        elif seen[0] != beat:
            self._beats[name] = (beat, now)
        return now - self._beats[name][1] < FRESH_SECONDS
