"""When an agent may report and ask rarely (planning/calm.py), and what it then does (agent/pace.py)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mysqlops.agent import pace, settings, watching
from mysqlops.core import group, names, publication, routing, view
from mysqlops.core.publication import Publication
from mysqlops.planning import calm, verdict
from tests.unit.agent.test_writes import AT, LAST_VIEW, Api, Time

PODS = ",".join(LAST_VIEW)
REPLICA, LEADER = routing.Labels("replica", True), routing.Labels("primary", False)
NOBODY = routing.Labels(None, False)


def report(pod: str, role: str = "replica", **facts: Any) -> Publication:
    known: dict[str, Any] = {"state": view.ONLINE, "role": role, "view_id": "7:3", "online": 3, "group": PODS}
    return Publication(pod, AT, 1, "1", **{**known, "started": "a", "beat_seconds": 5.0, **facts})


NOTE = group.Note(incarnation="7", acquired="10:00", members=LAST_VIEW)
RECORD = view.GroupRecord("mysql-0", "mysql-0", 99.0, acquired="10:00", note=NOTE, version="1")
SHOWN = {pod: calm.Shown(REPLICA, False, report(pod)) for pod in LAST_VIEW} | {
    "mysql-0": calm.Shown(LEADER, False, report("mysql-0", "primary"))
}
SIGHT = calm.Sight("mysql-0", report("mysql-0", "primary"), RECORD, SHOWN, True)


def _other(**facts: Any) -> calm.Sight:
    """Another member's pod shows that."""
    return replace(SIGHT, shown={**SHOWN, "mysql-2": calm.Shown(REPLICA, False, report("mysql-2", **facts))})


RESTLESS = {
    "no watch": replace(SIGHT, shown=None),
    "no record": replace(SIGHT, record=None),
    "a silent watch": replace(SIGHT, is_echoed=False),
    "outside": replace(SIGHT, seen=report("mysql-0", state=view.OFFLINE)),
    "blocked": replace(SIGHT, seen=report("mysql-0", "none")),
    "one is missing": replace(SIGHT, seen=report("mysql-0", "primary", online=2)),
    "a fence": replace(SIGHT, record=replace(RECORD, fenced={"mysql-1": "why"})),
    "one leaves": replace(SIGHT, record=replace(RECORD, leaving={"mysql-1": "u1"})),
    "one is rebuilt": replace(SIGHT, record=replace(RECORD, rebuilding={"mysql-1": ""})),
    "passwords rotate": replace(SIGHT, record=replace(RECORD, is_rotating=True)),
    "to go on without": replace(SIGHT, record=replace(RECORD, order=group.GoOnWithout({"a-1": ""}, "g", "10:00"))),
    "one joins": replace(SIGHT, record=replace(RECORD, note=replace(NOTE, joining={"mysql-3": "u3"}))),
    "another group": replace(SIGHT, record=replace(RECORD, note=replace(NOTE, incarnation="8"))),
    "unreadable": replace(SIGHT, record=replace(RECORD, note=group.Note(garbled=True))),
    "another pod": replace(SIGHT, shown={**SHOWN, "mysql-3": calm.Shown(NOBODY, False, None)}),
    "a pod is gone": replace(SIGHT, shown={pod: SHOWN[pod] for pod in ("mysql-0", "mysql-1")}),
    "a pod goes": replace(SIGHT, shown={**SHOWN, "mysql-2": replace(SHOWN["mysql-2"], is_going=True)}),
    "a report is gone": replace(SIGHT, shown={**SHOWN, "mysql-2": calm.Shown(REPLICA, False, None)}),
    "a label": replace(SIGHT, shown={**SHOWN, "mysql-2": replace(SHOWN["mysql-2"], labels=LEADER)}),
    "its own label": replace(SIGHT, shown={**SHOWN, "mysql-0": replace(SHOWN["mysql-0"], labels=NOBODY)}),
    "no reads": replace(
        SIGHT, shown={**SHOWN, "mysql-2": replace(SHOWN["mysql-2"], labels=routing.Labels("replica", False))}
    ),
    "reads": replace(
        SIGHT, shown={**SHOWN, "mysql-0": replace(SHOWN["mysql-0"], labels=routing.Labels("primary", True))}
    ),
    "an older agent": _other(beat_seconds=0.0),
    "another is outside": _other(state=view.OFFLINE),
    "another is full": _other(role="none"),
    "another view": _other(group="mysql-0,mysql-2"),
    "a Secret": _other(secrets_missing="Secret mysql-app"),
    "an account": _other(accounts_trouble="root"),
    "a certificate": _other(certificate="new"),
}


def test_a_whole_group_in_which_nothing_is_open_is_calm_after_a_minute() -> None:
    found, memory = [], calm.Memory()
    for now in (0.0, 30.0, 59.0, 60.0, 90.0):
        memory = calm.look(memory, SIGHT, now)
        found.append(memory.is_calm(now))
    assert found == [False, False, False, True, True]
    beats = {pod: replace(one, said=replace(one.said, beat=9, executed="")) for pod, one in SHOWN.items() if one.said}
    assert calm.look(memory, replace(SIGHT, shown=beats), 91.0).is_calm(91.0), "a beat is no change"


@pytest.mark.parametrize("why", RESTLESS)
def test_whatever_is_open_ends_the_calm_at_once_and_for_a_minute(why: str) -> None:
    memory = calm.look(calm.look(calm.Memory(), SIGHT, 0.0), SIGHT, 100.0)
    assert memory.is_calm(100.0)
    assert calm.restless_because(RESTLESS[why])
    memory = calm.look(memory, RESTLESS[why], 101.0)
    assert not memory.is_calm(500.0), why
    memory = calm.look(memory, SIGHT, 102.0)
    assert not memory.is_calm(161.0)
    assert memory.is_calm(162.0)


@pytest.mark.parametrize(
    "change",
    [
        replace(SIGHT, record=replace(RECORD, version="2")),  # whoever wrote the Lease, whatever it was
        replace(SIGHT, seen=replace(SIGHT.seen, config="changed")),
        _other(config="changed"),
        _other(started="b"),
    ],
)
def test_a_change_that_leaves_nothing_open_ends_the_calm_for_a_minute(change: calm.Sight) -> None:
    memory = calm.look(calm.look(calm.Memory(), SIGHT, 0.0), SIGHT, 100.0)
    memory = calm.look(memory, change, 101.0)
    assert not memory.is_calm(160.0)
    assert memory.is_calm(161.0)


class Pacing:
    """A pace, moved on in steps of a second."""

    def __init__(self) -> None:
        self.clock = Time()
        self.watch = watching.Watching(Api(NOTE), settings.Settings("mysql", "db", "mysql-0", "mysql-0"), self.clock)
        self.watch.shown, self.watch.lease = SHOWN, "1"
        self.pace = pace.Pace("mysql-0", self.watch, self.clock)
        self.beats: list[float] = []
        self.shows = True

    def turn(self, seen: Publication) -> None:
        self.clock.at += 1.0
        self.pace.look(seen, RECORD)
        if self.pace.is_beat_due(seen):
            number = len(self.beats) + 2
            said = replace(seen, beat=number, beat_seconds=self.pace.next_promise())
            self.beats.append(self.clock.at)
            self.pace.said(said)
            if self.shows:
                self.watch.shown = {**SHOWN, "mysql-0": calm.Shown(LEADER, False, said)}

    def beats_in(self, seconds: int, seen: Publication = SIGHT.seen) -> int:
        before = len(self.beats)
        for _ in range(seconds):
            self.turn(seen)
        return len(self.beats) - before


def test_a_calm_member_reports_twice_a_minute_and_says_so_first() -> None:
    made = Pacing()
    made.beats_in(80)
    assert made.pace.is_calm
    assert made.pace.promised == calm.CALM_BEAT_SECONDS
    assert made.beats_in(120) == 4


def test_one_that_takes_writes_reports_every_five_seconds_however_calm_the_rest_is() -> None:
    """How much a member that dies held is known to five seconds."""
    made = Pacing()
    made.beats_in(80)
    moved = [replace(SIGHT.seen, executed=f"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-{last}") for last in range(1, 61)]
    assert sum(made.beats_in(1, one) for one in moved) == 12
    assert made.pace.is_calm


def test_who_is_needed_reports_at_once() -> None:
    made = Pacing()
    made.beats_in(85)
    made.beats_in(10)
    made.watch.shown = RESTLESS["another is outside"].shown
    assert made.beats_in(1) == 1
    assert made.pace.promised == calm.BEAT_SECONDS


def _met(*agents: tuple[str, str]) -> list[view.Peer]:
    peers = [view.Peer(pod, True, report(pod, state=view.OFFLINE, started=started)) for pod, started in agents]
    return [*peers, view.Peer("mysql-3", exists=False)]


def test_an_agent_that_was_not_seen_before_is_greeted_with_a_report_a_second() -> None:
    """It counts no report before it has seen it grow, and may be the one that has to form the group."""
    made, outside = Pacing(), report("mysql-0", state=view.OFFLINE)
    made.beats_in(10, outside)
    made.pace.meet(_met(("mysql-1", "a")))
    assert made.beats_in(10, outside) == 3
    made.pace.meet(_met(("mysql-1", "a")))
    assert made.beats_in(10, outside) == 2, "it is known"
    made.pace.meet(_met(("mysql-1", "b"), ("mysql-2", "a")))
    assert made.beats_in(10, outside) == 3, "its agent has started again"
    made.pace.meet(_met(("mysql-1", "b")))
    assert made.beats_in(10, outside) == 2, "one that went is no news"


def test_a_watch_that_no_longer_shows_its_own_reports_ends_the_calm() -> None:
    made = Pacing()
    made.beats_in(80)
    made.shows = False
    made.beats_in(30 + 11)
    assert not made.pace.is_calm


def test_the_lease_is_read_for_each_hint_and_when_that_is_long_ago() -> None:
    made = Pacing()
    made.clock.at += 10
    heard_at = made.clock.at
    assert made.pace.is_record_due(heard_at, "0"), "the first that the watch shows"
    made.clock.at += 2
    assert made.pace.is_record_due(heard_at, "0"), "nobody has read it yet"
    made.pace.heard()
    made.clock.at += 2
    assert not made.pace.is_record_due(heard_at, "0")
    made.watch.lease = "2"
    assert not made.pace.is_record_due(heard_at, "2"), "it was read for another reason"
    assert made.pace.is_record_due(heard_at, "0")
    made.watch.lease = None  # broken
    made.pace.heard()
    made.clock.at += 2
    assert not made.pace.is_record_due(heard_at, "0")
    made.clock.at += 60
    assert made.pace.is_record_due(heard_at, "0")


def test_accounts_and_secrets_are_looked_at_once_a_minute_but_soon_after_a_transaction() -> None:
    made = Pacing()
    made.beats_in(80)
    looks = []
    for second in range(240):
        made.turn(SIGHT.seen)
        if made.pace.is_refresh_due(SIGHT.seen):
            looks.append(second)
    assert [later - first for first, later in itertools.pairwise(looks)] == [60] * (len(looks) - 1)
    assert len(looks) == 4
    moved = replace(SIGHT.seen, executed="3e11fa47-71ca-11e1-9e33-c80aa9429562:1-2")  # such as ALTER USER
    made.clock.at = made.pace._refreshed_at + 16
    assert made.pace.is_refresh_due(moved)


@pytest.mark.parametrize(
    ("promised", "age", "is_known"),
    [(0.0, 30, True), (0.0, 31, False), (5.0, 31, False), (30.0, 55, True), (30.0, 56, False), (1e9, 56, False)],
)
def test_a_report_is_old_25_seconds_after_the_next_one_was_due(promised: float, age: int, is_known: bool) -> None:
    said = replace(report("uid"), beat_seconds=promised)
    pod = {"metadata": {"uid": "uid", "annotations": {names.ANNOTATION_MEMBER: publication.dump(said)}}}
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=age)
    assert (verdict._publication(pod, now) is not None) is is_known
