"""Posts what happened as Events of the StatefulSet or the pod, on a thread of its own: an API server that refuses them,
or an agent's Role of an older release, must not delay anything else.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from mysqlops import errors
from mysqlops.agent import api, cluster_api, log, settings
from mysqlops.clock import Clock
from mysqlops.core import instant, names, ordered, publication
from mysqlops.core.typed import Json
from mysqlops.planning import happenings
from mysqlops.planning.happenings import Happening

_TURN_SECONDS = 5.0
_LOOK_SECONDS = 120.0
_RECENTLY_SECONDS = 60.0  # from the loss of a primary to the election of another
_COMPARED = ("metadata", "status")  # the rest, such as a template of pods, would be kept for nothing
_MOST = 20  # happenings that wait for the API server; the oldest are dropped


class Events:
    """One agent's view of what happened; `turned` is called by the loop."""

    def __init__(self, me: settings.Settings, around: cluster_api.ClusterApi, client: api.Api, clock: Clock) -> None:
        self._me, self._around, self._api, self._clock = me, around, client, clock
        self._log = log.Log(clock)
        self._last: publication.Publication | None = None
        self._role = ""  # the last in which the member served
        self._online: deque[tuple[float, int]] = deque(maxlen=20)  # since when, how many are ONLINE
        self._fence: tuple[str | None] | None = None  # as of the last look; None: no look yet
        self._open: dict[str, float] = {}
        self._objects: dict[str, Json] = {}  # as of the last look
        self._looked_at = -_LOOK_SECONDS
        self._waiting: dict[str, Happening] = {}  # by the Event's name; the loop's thread adds to it too
        self._settled: deque[str] = deque(maxlen=100)  # names that were posted or refused

    def start(self) -> None:
        self._clock.start("events", self._run)

    def turned(self, seen: publication.Publication) -> None:
        """The loop saw this."""
        self._last, now = seen, self._clock.monotonic()
        if not self._online or self._online[-1][1] != seen.online:
            self._online.append((now, seen.online))
        self._add(happenings.of_member(self._role, seen, self._me.pod, self._most(now)))
        if seen.role != names.ROLE_NONE:
            self._role = seen.role

    def _most(self, now: float) -> int:
        """How many members were ONLINE at once lately."""
        spans = itertools.pairwise([*self._online, (math.inf, 0)])
        return max(online for (_, online), (until, _) in spans if until >= now - _RECENTLY_SECONDS)

    def _run(self) -> None:
        while True:  # ends with the process
            self._clock.sleep(_TURN_SECONDS)
            self._log.survive("events", self.turn)

    def turn(self) -> None:
        """Look if it is time, and post what waits."""
        now = self._clock.monotonic()
        self._open = happenings.open_since(self._around.notes, self._open, now)
        self._look_at_fence()
        if self._last is not None:
            self._add(happenings.of_certificate(self._last, self._clock.now()))
        if self._is_primary():
            self._add(happenings.of_orders(self._around.notes or {}, self._open, now))
        if now >= self._looked_at + _LOOK_SECONDS:
            self._looked_at = now
            with contextlib.suppress(errors.KubeError):
                self._look()
        for name, one in list(self._waiting.items()):
            try:
                self._post(name, one)
            except errors.Unreachable:
                return
            except (errors.Conflict, errors.Forbidden):  # another member posted it, or the next try is refused too
                self._settled.append(name)
            except errors.KubeError:  # an order that stays open is found again
                pass
            self._waiting.pop(name, None)

    def _look_at_fence(self) -> None:
        """An agent that has just started compares nothing."""
        if self._around.notes is None:
            return
        why = ordered.fenced(self._around.notes).get(self._me.pod)
        if self._fence is not None:
            at = instant.precise(self._clock.now())
            self._add(happenings.of_fence(self._fence[0], why, self._me.pod, at))
        self._fence = (why,)

    def _add(self, found: Iterable[Happening]) -> None:
        for event in found:
            name = event.name(self._me.cluster)
            if name not in self._settled:
                self._waiting.setdefault(name, event)
        for name in list(self._waiting)[:-_MOST]:
            self._waiting.pop(name, None)

    def _is_primary(self) -> bool:
        return self._last is not None and self._last.role == names.ROLE_PRIMARY

    def _look(self) -> None:
        cluster = self._me.cluster
        self._compare("apps/v1", "statefulsets", cluster, happenings.of_stateful_set)
        for kind in names.SCHEDULES if self._is_primary() else ():
            with contextlib.suppress(errors.NotFound):
                name = names.schedule(cluster, kind)
                self._compare("batch/v1", "cronjobs", name, partial(happenings.of_schedule, kind=kind))

    def _compare(
        self,
        group: str,
        kind: str,
        name: str,
        of: Callable[[Json, Json], Iterable[Happening]],
    ) -> None:
        found = self._api.get(group, kind, name)
        before = self._objects.get(f"{kind}/{name}")
        self._objects[f"{kind}/{name}"] = {part: found[part] for part in _COMPARED if part in found}
        if before is not None:
            self._add(of(before, found))

    def _post(self, name: str, one: Happening) -> None:
        me, stateful_set = self._me, self._api.get("apps/v1", "statefulsets", self._me.cluster)
        owner = {"name": me.cluster, "namespace": me.namespace, "uid": stateful_set["metadata"]["uid"]}
        by, at = happenings.Reporter("mysqlops.io/agent", me.pod), instant.text(self._clock.now())
        self._api.create("v1", "events", happenings.event(one, owner, by, at, {"name": me.pod, "uid": me.pod_uid}))
        self._settled.append(name)
