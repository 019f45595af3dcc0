"""What an agent reads from the API server while nothing happens, and how it ages what it has read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mysqlops.agent import cluster_api, log, publisher, vault
from mysqlops.core import group, names, secret_map, view
from tests.unit.agent.test_writes import LAST_VIEW, Api, Time, around, news


class Counting(Api):
    """Notes each request."""

    def __init__(self, note: group.Note | None) -> None:
        super().__init__(note)
        self.asked: list[str] = []

    def get(self, group: str, kind: str, name: str) -> dict[str, Any]:
        self.asked.append(f"GET {kind}")
        return super().get(group, kind, name)

    def list(self, group: str, kind: str, selector: str, *, cached: bool = True) -> list[dict[str, Any]]:
        self.asked.append(f"LIST {kind}")
        return super().list(group, kind, selector, cached=cached)


NOTED = group.Note(incarnation="7", acquired="10:00", members=LAST_VIEW)


def served() -> tuple[Counting, cluster_api.ClusterApi, Time]:
    api = Counting(NOTED)
    return (api, *around(api))


def test_the_copy_of_the_note_is_read_when_an_agent_begins_and_when_the_note_counts_less_than_before() -> None:
    api, sight, _ = served()
    lease = api.lease["metadata"]["annotations"]

    def reads(joins: str) -> bool:
        api.asked.clear()
        lease[names.ANNOTATION_GROUP] = group.dump(replace(NOTED, joins=joins))
        sight.record()
        return "GET secrets" in api.asked

    assert [reads(joins) for joins in ("3", "3", "4", "4", "2", "2", "3")] == [True, *[False] * 3, True, False, False]


def test_a_look_for_a_stuck_group_reads_the_pods_and_nothing_else() -> None:
    api, sight, clock = served()
    speaker = publisher.Publisher(sight, log.Log(clock), clock, lambda _: None)
    clock.at += 60
    speaker._look_if_wanted(news(clock, *LAST_VIEW, at=clock.at))
    assert api.asked == ["LIST pods"]


def test_the_copy_of_the_note_is_looked_at_when_the_note_has_changed_and_every_few_minutes() -> None:
    api, sight, clock = served()
    speaker = publisher.Publisher(sight, log.Log(clock), clock, lambda _: None)
    speaker._hear(sight.record())
    api.asked.clear()

    def looks() -> bool:
        api.asked.clear()
        clock.at += 15
        speaker._refresh_if_due(news(clock, *LAST_VIEW, at=clock.at))
        return "GET secrets" in api.asked

    clock.at += 15
    assert [looks() for _ in range(4)] == [True, False, False, False]
    assert speaker.record is not None
    speaker.record = replace(speaker.record, note=replace(NOTED, joins="1"))
    assert looks()
    del api.objects["secrets", "mysql-internal"]["metadata"]["annotations"][names.ANNOTATION_GROUP]
    assert sum(looks() for _ in range(21)) == 1, "somebody removed it"
    assert names.ANNOTATION_GROUP in api.objects["secrets", "mysql-internal"]["metadata"]["annotations"]


@pytest.mark.parametrize(("pause", "is_fresh"), [(15.0, True), (60.0, False)])
def test_a_beat_that_grew_while_nobody_looked_says_nothing_of_the_present(pause: float, is_fresh: bool) -> None:
    """Its agent may have died right after the last look, and a beat later."""
    api, sight, clock = served()
    fresh = []
    for beat in (1, 2, 9):
        api.show("mysql-1", "09:00", started="a", beat=beat, state=view.ONLINE)
        fresh.append(sight.peers()[0].fresh)
        clock.at += pause if beat == 2 else 1.0
    assert fresh == [False, True, is_fresh]
    api.show("mysql-1", "09:00", started="a", beat=10, state=view.ONLINE)
    assert sight.peers()[0].fresh, "the next beat after a look is news"


def test_whether_an_application_has_all_that_it_needs_is_seen_in_what_was_read_anyway() -> None:
    safe = vault.Vault(Counting(None), "mysql")
    complete = {**secret_map.for_applications("mysql", "db", "secret"), "ca.crt": "a CA"}
    held = vault.Held({}, {}, True, complete)
    assert safe.is_complete(held, "a CA")
    assert not safe.is_complete(held, "another CA")
    assert not safe.is_complete(replace(held, application={**complete, "password": "another"}), "a CA")
    assert safe.is_complete(replace(held, application={}), "a CA"), "it is not ours to complete"
    assert safe.is_complete(replace(held, is_split=False), "another CA")
