"""Watches of the API server (agent/watching.py, agent/api.py): what they show, and how they end."""

from __future__ import annotations

import io
import json
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import api, settings, watching
from mysqlops.core import group, names, publication
from mysqlops.core.typed import Json
from tests.unit.agent.test_writes import LAST_VIEW, Api, Time

ME = settings.Settings("mysql", "db", "mysql-0", "pod-0")


def pod(name: str, role: str, beat: int = 1, **facts: Any) -> Json:
    said = publication.Publication(name, "2026-01-01T00:00:00Z", beat, "1", role=role, **facts)
    annotations = {names.ANNOTATION_MEMBER: publication.dump(said)}
    labels = {names.LABEL_ROLE: role}
    return {"metadata": {"name": name, "uid": name, "labels": labels, "annotations": annotations}}


class Watched(Api):
    """What is listed, and the events that follow."""

    def __init__(self, listed: list[Json], *events: tuple[str, Json]) -> None:
        super().__init__(group.Note(members=LAST_VIEW))
        self.pods, self.events = listed, events
        self.queries: list[Mapping[str, str]] = []

    def listed(self, group: str, kind: str, selector: str, *, cached: bool = True) -> tuple[list[Json], str]:
        return self.pods, "7"

    def watch(self, group: str, kind: str, query: Mapping[str, str], *, seconds: float) -> Iterator[Json]:
        self.queries.append(query)
        for event, thing in self.events:
            yield {"type": event, "object": thing}


def seen(*events: tuple[str, Json]) -> tuple[watching.Watching, list[str]]:
    served = Watched([pod("mysql-0", "primary"), pod("mysql-1", "replica"), pod("shop-0", "")], *events)
    made, woken = watching.Watching(served, ME, Time()), list[str]()
    made._wake = lambda: woken.append(",".join(sorted(made.shown or {})))
    made._pods()
    return made, woken


def test_a_watch_shows_the_members_pods_from_the_list_on() -> None:
    made, woken = seen(
        ("MODIFIED", pod("mysql-1", "replica", beat=2)),
        ("BOOKMARK", {"metadata": {"resourceVersion": "9"}}),
        ("ADDED", pod("mysql-2", "")),
        ("MODIFIED", {"metadata": {**pod("mysql-2", "replica")["metadata"], "deletionTimestamp": "now"}}),
        ("DELETED", pod("mysql-2", "replica")),
        ("ADDED", pod("mysql-0-debug", "primary")),
    )
    assert set(made.shown or {}) == {"mysql-0", "mysql-1"}
    both, three = "mysql-0,mysql-1", "mysql-0,mysql-1,mysql-2"
    assert woken == [both, three, three, both], "a beat wakes nobody"
    assert (made.shown or {})["mysql-1"].said is not None


class Whole(dict[str, Any]):
    """A pod that can be followed until nobody holds it."""


def test_a_watch_does_not_hold_the_list_from_which_it_began() -> None:
    whole, held = Whole(pod("mysql-1", "replica")), list[bool]()
    followed = weakref.ref(whole)

    class Looked(Watched):
        def watch(self, group: str, kind: str, query: Mapping[str, str], *, seconds: float) -> Iterator[Json]:
            self.pods = []
            held.append(followed() is not None)
            yield from ()

    served = Looked([whole])
    del whole
    watching.Watching(served, ME, Time())._pods()
    assert held == [False]


def test_a_pod_without_a_report_and_one_of_another_pod_have_said_nothing() -> None:
    foreign = pod("mysql-2", "replica")
    foreign["metadata"]["uid"] = "recreated"
    made, _ = seen(("ADDED", {"metadata": {"name": "mysql-3", "uid": "x"}}), ("ADDED", foreign))
    assert made.shown is not None
    assert (made.shown["mysql-3"].said, made.shown["mysql-2"].said) == (None, None)


def test_the_lease_is_a_version_and_nothing_more() -> None:
    leases = [("ADDED", {"metadata": {"resourceVersion": version}}) for version in ("1", "1", "2")]
    served = Watched([], *leases)
    made, woken = watching.Watching(served, ME, Time()), list[str]()
    made._wake = lambda: woken.append(str(made.lease))
    made._lease()
    assert woken == ["1", "2"]
    assert served.queries == [{"fieldSelector": "metadata.name=mysql-group"}], "RBAC: that one only"


def test_while_a_watch_is_broken_it_shows_nothing() -> None:
    class Over(Exception):
        pass

    class Slept(Time):
        pauses: list[float] = []  # noqa: RUF012

        def sleep(self, seconds: float) -> None:
            self.pauses.append(seconds)
            if len(self.pauses) == 5:
                raise Over

    served, clock = Watched([]), Slept()
    made = watching.Watching(served, ME, clock)
    made.shown = {}

    def fail() -> None:
        raise errors.Forbidden("GET pods: 403")

    with pytest.raises(Over):
        made._follow("pods", fail)
    assert made.shown is None
    wanted = (1.0, 4.0, 16.0, 60.0, 60.0)
    assert all(0.75 * one <= pause <= 1.25 * one for pause, one in zip(clock.pauses, wanted, strict=True))


class Answer(io.BytesIO):
    def __init__(self, status: int, *lines: Json) -> None:
        super().__init__(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        self.status = status


class Connection:
    def __init__(self, answer: Answer) -> None:
        self.answer, self.is_closed = answer, False
        self.path, self.headers = "", dict[str, str]()

    def request(self, method: str, path: str, body: None, headers: Mapping[str, str]) -> None:
        self.path, self.headers = path, dict(headers)

    def getresponse(self) -> Answer:
        return self.answer

    def close(self) -> None:
        self.is_closed = True


def watched(folder: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> tuple[Connection, Iterator[Json]]:
    (folder / "token").write_text("a token\n")
    client, connection = api.Api("db", folder), Connection(answer)
    monkeypatch.setattr(client, "_opened", lambda seconds: connection)
    return connection, client.watch("v1", "pods", {"labelSelector": "a=b"}, seconds=300.4)


def test_a_watch_asks_for_metadata_on_its_own_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"type": "ADDED", "object": {"metadata": {"name": "mysql-0"}}}
    connection, events = watched(tmp_path, Answer(200, line, line), monkeypatch)
    assert list(events) == [line, line]
    assert connection.is_closed
    assert connection.path == (
        "/api/v1/namespaces/db/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=300&labelSelector=a%3Db"
    )
    assert connection.headers["Accept"].endswith("as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
    assert connection.headers["Authorization"] == "Bearer a token"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(403, {"kind": "Status", "message": "no watch"}), "no watch"),
        (Answer(200, {"type": "ERROR", "object": {"kind": "Status", "metadata": {}, "message": "too old"}}), "too old"),
        (Answer(200, {"type": "ADDED", "object": "nothing"}), "the watch ended"),
        (Answer(200, {"type": "ADDED", "object": {"metadata": None}}), "the watch ended"),
    ],
)
def test_what_is_no_event_ends_the_watch(
    answer: Answer, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, events = watched(tmp_path, answer, monkeypatch)
    with pytest.raises(errors.KubeError, match=error):
        list(events)
    assert connection.is_closed
