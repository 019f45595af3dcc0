"""Watches the members' pods and the group's Lease, so that an agent need not ask again and again whether they changed.

What a watch shows is from the API server's cache, and may be old: it says when to look, never what is true. Whoever
decides reads for himself (cluster_api.py). Each watch is one request for some minutes, on a thread and a connection of
its own; while it is broken, `shown` or `lease` is None, and the agent asks as often as without it.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from mysqlops import errors
from mysqlops.agent import api, log, settings
from mysqlops.clock import Clock
from mysqlops.core import names, publication, routing
from mysqlops.core.typed import Json
from mysqlops.planning import calm

WATCH_SECONDS = (480.0, 720.0)  # agents that started together do not ask together
_PAUSES = (1.0, 4.0, 16.0, 60.0)


class Watching:
    """One agent's watches; `shown` maps each member's pod to how it was last shown, `lease` is the Lease's version."""

    def __init__(self, client: api.Api, me: settings.Settings, clock: Clock) -> None:
        self._api, self._me, self._clock = client, me, clock
        self._log = log.Log(clock)
        self._wake: Callable[[], None] = lambda: None
        self.shown: Mapping[str, calm.Shown] | None = None
        self.lease: str | None = None
        self.news = 0  # how often something else than a beat was shown

    def start(self, wake: Callable[[], None]) -> None:
        """`wake` is called whenever something else than a beat is shown."""
        self._wake = wake
        self._clock.start("pods", lambda: self._follow("pods", self._pods))
        self._clock.start("lease", lambda: self._follow("lease", self._lease))

    def _follow(self, topic: str, once: Callable[[], None]) -> None:
        failures = 0
        while True:  # ends with the process
            began = self._clock.monotonic()
            try:
                once()
                self._log.say_if_new(topic, "")
                failures = 0
                continue
            except errors.KubeError as error:
                self._log.say_if_new(topic, f"not watching, but asking: {error}")
            except Exception as error:
                self._log.unexpected(topic, error)
            if topic == "pods":
                self.shown = None
            else:
                self.lease = None
            failures = 0 if self._clock.monotonic() - began > _PAUSES[-1] else failures
            pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
            failures += 1
            self._clock.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311

    def _pods(self) -> None:
        selector = names.selector_text(self._me.cluster)
        query = {"labelSelector": selector, "resourceVersion": self._list(selector)}
        for event in self._api.watch("v1", "pods", query, seconds=random.uniform(*WATCH_SECONDS)):  # noqa: S311
            pod = event["object"]
            if event["type"] == "BOOKMARK" or not self._is_member(pod):
                continue
            others = {name: one for name, one in (self.shown or {}).items() if name != pod["metadata"]["name"]}
            gone = event["type"] == "DELETED"
            self._show(others if gone else {**others, pod["metadata"]["name"]: _shown(pod)})

    def _list(self, selector: str) -> str:
        """Shows the pods as they are now. Whole pods are large, and a watch would hold them for ten minutes."""
        listed, version = self._api.listed("v1", "pods", selector)
        self._show({pod["metadata"]["name"]: _shown(pod) for pod in listed if self._is_member(pod)})
        return version

    def _is_member(self, pod: Json) -> bool:
        return names.is_member(pod["metadata"]["name"], self._me.cluster)

    def _show(self, shown: Mapping[str, calm.Shown]) -> None:
        is_news = self.shown is None or not calm.is_same(self.shown, shown)
        self.shown = shown
        if is_news:
            self.news += 1
            self._wake()

    def _lease(self) -> None:
        """Without a version to start from, the API server first sends the object as it is."""
        query = {"fieldSelector": f"metadata.name={names.group_lease(self._me.cluster)}"}
        seconds = random.uniform(*WATCH_SECONDS)  # noqa: S311
        for event in self._api.watch("coordination.k8s.io/v1", "leases", query, seconds=seconds):
            version = event["object"]["metadata"].get("resourceVersion", "")
            if event["type"] != "BOOKMARK" and version != self.lease:
                self.lease = version
                self._wake()


def _shown(pod: Json) -> calm.Shown:
    metadata = pod["metadata"]
    text = (metadata.get("annotations") or {}).get(names.ANNOTATION_MEMBER)
    labels = routing.labels_of(metadata.get("labels") or {})
    return calm.Shown(labels, "deletionTimestamp" in metadata, publication.load(text, metadata["uid"]))
