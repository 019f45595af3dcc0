"""A thread that reads the members' pods several times a second during a fault: their labels and published groups."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager

from mysqlops import errors
from mysqlops.clock import Signal, beside
from mysqlops.core import names, publication
from mysqlops.drill.ledger.phases import Sight
from mysqlops.kube.client import Client
from mysqlops.operations.session import Session

_TURN_SECONDS = 0.2
_MEMBER = re.compile(r"\d+")


class Watch:
    """`offset` is added to our clock: the recorded moments are then on the clients' clock."""

    def __init__(self, session: Session, cluster: str, offset: float) -> None:
        self._session, self._cluster, self._offset = session, cluster, offset
        self.sights: list[Sight] = []

    def running(self) -> AbstractContextManager[None]:
        return beside(self._session.clock, "watch", self._run, patience=30)

    def _run(self, over: Signal) -> None:
        last: dict[str, Sight] = {}
        while not over.is_set():
            try:
                found = look(self._session.client, self._cluster, self._now())
            except errors.KubeError:
                found = []  # the fault may have stopped the API server
            for sight in found:
                before = last.get(sight.member)
                if before is None or _differs(before, sight):
                    self.sights.append(sight)
                    last[sight.member] = sight
            over.wait(_TURN_SECONDS)

    def _now(self) -> float:
        return self._session.clock.now().timestamp() + self._offset


def _differs(one: Sight, other: Sight) -> bool:
    return (one.label, one.state, one.group) != (other.label, other.state, other.group)


def look(client: Client, cluster: str, at: float) -> list[Sight]:
    """The present state of all members' pods."""
    found = []
    for pod in client.list_metadata("Pod", names.selector_text(cluster)):
        metadata = pod["metadata"]
        if not _MEMBER.fullmatch(metadata["name"].removeprefix(f"{cluster}-")):
            continue  # helper pods have the cluster's labels too
        published = publication.load((metadata.get("annotations") or {}).get(names.ANNOTATION_MEMBER), metadata["uid"])
        found.append(
            Sight(
                at=at,
                member=metadata["name"],
                label=(metadata.get("labels") or {}).get(names.LABEL_ROLE, ""),
                state=published.state if published else "",
                group=frozenset(filter(None, published.group.split(","))) if published else frozenset(),
            )
        )
    return found
