"""What an agent reads from the API server, and the few things that it writes there.

It reads the other pods only outside the group or on a role change; in the steady state, an agent makes one small PATCH
of its own pod and reads the Lease, as often as pace.py says. Each write to the Lease is based on a record of it, and
the API server refuses the write if the Lease has changed since (compare-and-swap).
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

from mysqlops import errors
from mysqlops.agent import api, beats, group_lease, settings, vault, watching
from mysqlops.clock import Clock
from mysqlops.core import group, histogram, instant, names, ordered, publication, routing, timeline, view
from mysqlops.core.typed import Json
from mysqlops.planning import departure, standing

# By the nodes' clocks: good enough to try to join, which fails harmlessly, and for nothing else. Last words from the
# future say nothing: a dead member's would count as alive until that future has come.
SEEMS_ALIVE_SECONDS = 6.0


class ClusterApi:
    """One agent's view of the cluster through the API server."""

    def __init__(self, client: api.Api, me: settings.Settings, clock: Clock) -> None:
        self._api, self._me, self._clock = client, me, clock
        self._vault = vault.Vault(client, me.cluster)
        self.watching = watching.Watching(client, me, clock)
        self.pod = me.pod
        self.containers: list[Json] = []  # of this pod, as the API server last answered
        self.notes: dict[str, str] | None = None  # annotations of the group's Lease, as last read
        self.label_seconds = 0.0
        self.label_times = histogram.Histogram()
        self._renewed: tuple[str | None, float] = (None, 0.0)
        self._beats = beats.Beats(clock)
        self._counted: int | None = None  # joins last read or written; None while a copy may count more
        self._lines: dict[str, str | None] = {}  # what belongs to a copy that counts more (core/timeline.py)

    def look(self, *, cached: bool = True) -> view.Surroundings:
        """Raises KubeError. The Lease is read first: a decision based on this is void once the Lease has changed. A
        cached list of the pods may be from any time before."""
        seen = self.record()
        stateful_set = self._api.get("apps/v1", "statefulsets", self._me.cluster)
        replicas = int(stateful_set["spec"]["replicas"])
        pods = {pod["metadata"]["name"]: pod for pod in self._list_pods(cached=cached)}
        wanted = {names.pod(self._me.cluster, ordinal) for ordinal in range(replicas)}
        others = sorted((wanted | set(pods) | set(seen.note.expected())) - {self._me.pod}, key=names.ordinal_of)
        peers = tuple(self._peer(name, pods.get(name)) for name in others)
        return view.Surroundings(replicas, peers, seen)

    def peers(self) -> tuple[view.Peer, ...]:
        """The other members that have a pod, from the API server's cache; raises KubeError."""
        pods = {pod["metadata"]["name"]: pod for pod in self._list_pods()}
        return tuple(self._peer(name, pods[name]) for name in sorted(set(pods) - {self._me.pod}, key=names.ordinal_of))

    def record(self) -> view.GroupRecord:
        """The Lease alone, its note restored if it is from the past; raises KubeError."""
        asked_at = self._clock.monotonic()
        seen = self._record(self._lease(), asked_at)
        if self._counted is not None or seen.note.garbled:
            return seen
        self.note(seen.note, seen)
        return self._record(self._lease(), asked_at)

    def label(self, pod: str, role: str) -> None:
        """Set the labels of any member's pod; raises KubeError."""
        self._api.patch("v1", "pods", pod, {"metadata": {"labels": routing.labels(role)}})

    def leave_replicas(self) -> routing.Labels:
        """Remove this pod from the replicas' Service alone; returns the current labels. Raises KubeError."""
        metadata = {"uid": self._me.pod_uid, "labels": {names.LABEL_READS: None}}
        pod = self._api.patch("v1", "pods", self._me.pod, {"metadata": metadata})
        return routing.labels_of(pod["metadata"].get("labels") or {})

    def publish(self, role: str | None, text: str) -> routing.Labels:
        """Set this pod's labels for that role (None: keep them) and its publication in one request; returns the current
        labels. An admission policy of an older release refuses the replicas' label: then the role's alone is set."""
        metadata: Json = {"uid": self._me.pod_uid, "annotations": {names.ANNOTATION_MEMBER: text}}
        if role is not None:
            metadata["labels"] = routing.labels(role)
        try:
            pod = self._api.patch("v1", "pods", self._me.pod, {"metadata": metadata})
        except errors.KubeError as error:
            if role is None or isinstance(error, (errors.Unreachable, errors.NotFound)):
                raise
            metadata["labels"] = {names.LABEL_ROLE: role}
            pod = self._api.patch("v1", "pods", self._me.pod, {"metadata": metadata})
        self.containers = (pod.get("status") or {}).get("containerStatuses") or []
        return routing.labels_of(pod["metadata"].get("labels") or {})

    def label_moved(self, seconds: float) -> None:
        """Count a change of this pod's role label, that many seconds after its cause was seen."""
        self.label_seconds = seconds
        self.label_times.add(seconds)

    def exists(self, pod: str) -> bool:
        """Whether a member has a pod, not from the API server's cache; raises KubeError."""
        try:
            self._api.get("v1", "pods", pod)
        except errors.NotFound:
            return False
        return True

    def last_held(self) -> str:
        """The GTID set in this pod's last publication; raises KubeError."""
        metadata = self._api.get("v1", "pods", self._me.pod)["metadata"]
        last = publication.load((metadata.get("annotations") or {}).get(names.ANNOTATION_MEMBER), self._me.pod_uid)
        return last.held if last else ""

    def labelled_primary(self) -> dict[str, str]:
        """The other pods that carry the primary label, with the state that each last published; raises KubeError."""
        found = {}
        for metadata in (pod["metadata"] for pod in self._list_pods()):
            is_labelled = (metadata.get("labels") or {}).get(names.LABEL_ROLE) == names.ROLE_PRIMARY
            if is_labelled and metadata["name"] != self._me.pod:
                text = (metadata.get("annotations") or {}).get(names.ANNOTATION_MEMBER)
                published = publication.load(text, metadata["uid"])
                found[metadata["name"]] = published.state if published else publication.UNKNOWN
        return found

    def take_lease(self, decided_on: view.GroupRecord, server_uuid: str, held: str = "") -> group.Note | None:
        """Take the right to form the group, apply a user's order to continue without members if there is one, and
        record all of it in one write, with what this member holds; None if the Lease has changed since the decision."""
        lease = self._unchanged(decided_on)
        if lease is None:
            return None
        now = instant.precise(self._clock.now())
        lease["spec"] = {
            **(lease.get("spec") or {}),
            "holderIdentity": self._me.pod,
            "acquireTime": now,
            "renewTime": now,
            "leaseDurationSeconds": int(view.LEASE_SECONDS),
        }
        note = group.forming(decided_on.note, decided_on.order, self._me.pod, server_uuid, held)
        lease["metadata"].setdefault("annotations", {}).pop(names.ANNOTATION_GIVEN_UP, None)
        return note if self._write(lease, note, decided_on) else None

    def note(self, wanted: group.Note, decided_on: view.GroupRecord) -> bool:
        """Record the primary's view of the group; False if the Lease has changed since the decision."""
        lease = self._unchanged(decided_on)
        if lease is None:
            return False
        lease["metadata"].setdefault("annotations", {}).pop(names.ANNOTATION_GIVEN_UP, None)
        return self._write(lease, wanted, decided_on)

    def amend(self, wanted: group.Note, decided_on: view.GroupRecord) -> None:
        """Record what this member is to the group, and leave all orders; raises Conflict if the Lease has changed."""
        lease = self._unchanged(decided_on)
        if lease is None or not self._write(lease, wanted, decided_on):
            raise errors.Conflict("the Lease has changed since the decision: looking again")

    def note_joining(self, server_uuid: str, seen: view.GroupRecord, *, holds_data: bool) -> group.Note:
        """Record that this member may be in the group from now on, right before it joins the one that was `seen`;
        raises Refused for one that the group continued without, Conflict if the Lease is being changed, another group
        counts by now, or its data is about to be deleted."""
        lease = self._lease()
        decided_on = self._record(lease)
        before = decided_on.note
        if before.casts_out(self._me.pod, server_uuid, holds_data=holds_data):
            raise errors.Refused([errors.Reason("given-up", f"the group continued without {self._me.pod}")])
        if departure.is_ordered(self._me.pod, server_uuid, decided_on):
            raise errors.Conflict(departure.WHY)
        if before.garbled:
            raise errors.Conflict("what the Lease records of the group cannot be read: its primary corrects it")
        if decided_on.is_forming() and decided_on.order is None:
            raise errors.Conflict("the group is not recorded yet: looking again")
        if (before.name, decided_on.incarnation()) != (seen.note.name, seen.incarnation()):
            raise errors.Conflict("another group counts since it was decided to join: looking again")
        wanted = standing.joining(self._me.pod, server_uuid, before, holds_data=holds_data)
        annotations = lease["metadata"].setdefault("annotations", {})
        if not holds_data and (orders := ordered.obeyed(annotations, self._me.pod, server_uuid, self._clock.now())):
            annotations[names.ANNOTATION_REBUILDING] = orders
        if not self._write(lease, wanted, decided_on):
            raise errors.Conflict("the Lease of the group is being changed")
        return wanted

    def _unchanged(self, decided_on: view.GroupRecord) -> Json | None:
        """The Lease, if it is as it was when that was decided."""
        lease = self._lease()
        return lease if decided_on.version == lease["metadata"].get("resourceVersion") else None

    def _write(self, lease: Json, note: group.Note, decided_on: view.GroupRecord) -> bool:
        """Each note counts more than the one before, and records that a group was once formed: without that, the
        cluster would look new."""
        note = note.counting(decided_on.note.count() + 1)
        annotations = lease["metadata"].setdefault("annotations", {})
        formed = decided_on.bootstrapped_by or f"{self._me.pod} {instant.text(self._clock.now())}"
        annotations.setdefault(names.ANNOTATION_BOOTSTRAPPED, formed)
        annotations[names.ANNOTATION_GROUP] = group.dump(note)
        for key, text in self._lines.items():
            annotations.pop(key, None)
            annotations |= {key: text} if text is not None else {}
        try:
            self._api.update("coordination.k8s.io/v1", "leases", names.group_lease(self._me.cluster), lease)
        except errors.Conflict:
            return False
        if self._counted is not None:
            self._counted = note.count()
        return True

    def keep_copy(self, seen: view.GroupRecord) -> bool:
        """Keep a copy of the note on a Secret: a cluster with data is not new just because its Lease was deleted. False
        if the Secret is missing, which secrets_watch.py reports, or was changed meanwhile: neither counts as an
        unreachable API server."""
        wanted = {
            names.ANNOTATION_BOOTSTRAPPED: seen.bootstrapped_by or "",
            names.ANNOTATION_GROUP: group.dump(seen.note),
        }
        try:
            self._vault.note(wanted)
        except (errors.NotFound, errors.Conflict):
            return False
        return True

    def _list_pods(self, *, cached: bool = True) -> list[Json]:
        """The members' pods only: another pod may carry the cluster's labels."""
        found = self._api.list("v1", "pods", names.selector_text(self._me.cluster), cached=cached)
        return [pod for pod in found if names.is_member(pod["metadata"]["name"], self._me.cluster)]

    def _lease(self) -> Json:
        return group_lease.read(self._api, self._me.cluster)

    def _record(self, lease: Json, asked_at: float = 0.0) -> view.GroupRecord:
        spec: dict[str, Any] = lease.get("spec") or {}
        annotations: dict[str, str] = lease["metadata"].get("annotations") or {}
        self.notes = annotations
        acquired = spec.get("acquireTime") or ""
        noted = annotations
        if names.ANNOTATION_GROUP not in annotations:  # a new cluster's, or recreated after it was deleted
            noted = self._vault.notes()
        note = self._newest(group.note_of(noted))
        return view.GroupRecord(
            bootstrapped_by=(annotations | noted).get(names.ANNOTATION_BOOTSTRAPPED) or None,
            holder=spec.get("holderIdentity"),
            held_for_seconds=self._held_for(spec.get("renewTime")),
            fenced=ordered.fenced(annotations),
            rebuilding=ordered.rebuilding(annotations, self._clock.now()),
            leaving=ordered.leaving(annotations),
            acquired=acquired,
            note=note,
            order=None if self._counted is None else group.order_of(annotations, acquired),
            version=lease["metadata"].get("resourceVersion", ""),
            is_rotating=ordered.is_rotating(annotations),
            obituary=annotations.get(names.ANNOTATION_OBITUARY, ""),
            failure_detection=annotations.get(names.ANNOTATION_DETECTION, ""),
            read_at=asked_at,
        )

    def _newest(self, note: group.Note) -> group.Note:
        """The Lease's note, or the copy of a later one: then the Lease is as it was once, since a tool applied what it
        had stored, and says too little of who is expected and who was given up. The copy is looked at when this agent
        begins, and when the count has fallen, which no member of the cluster does. A note that cannot be read may be a
        later one: its primary corrects it, or a user."""
        if note.garbled:
            return note
        if self._counted is not None and note.count() >= self._counted:
            self._counted, self._lines = note.count(), {}
            return note
        notes: dict[str, str] = {}
        with contextlib.suppress(errors.NotFound):
            notes = self._vault.notes()
        copied = group.note_of(notes)
        if not copied.is_later(note):
            self._counted, self._lines = note.count(), {}
            return note
        self._counted, self._lines = None, timeline.copied(notes)
        return copied.corrected(note)

    def _held_for(self, renewed: str | None) -> float:
        """By the two nodes' clocks, or since this agent first saw that renewal, whichever is longer: the holder's clock
        may be ahead. (If it is behind, two members may form a group, of which the Lease records one.)"""
        if renewed is None or self._renewed[0] != renewed:
            self._renewed = renewed, self._clock.monotonic()
        return max(self._seconds_since(renewed), self._clock.monotonic() - self._renewed[1])

    def _seconds_since(self, text: str | None) -> float:
        """An unreadable moment counts as now: then only what this agent itself has seen counts."""
        if not text:
            return math.inf
        at = instant.read(text)
        return (self._clock.now() - at).total_seconds() if at is not None else 0.0

    def _peer(self, name: str, pod: Json | None) -> view.Peer:
        if pod is None:
            return view.Peer(name, exists=False)
        metadata = pod["metadata"]
        text = (metadata.get("annotations") or {}).get(names.ANNOTATION_MEMBER)
        published = publication.load(text, metadata["uid"])
        if published is None:
            return view.Peer(name, exists=True)
        seems_alive = abs(self._seconds_since(published.at)) < SEEMS_ALIVE_SECONDS
        return view.Peer(name, True, published, self._beats.is_fresh(name, published), seems_alive)
