"""Events on the StatefulSet: few, each once, and none for what an agent merely sees first."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from mysqlops import errors
from mysqlops.agent import api, cluster_api, events, settings
from mysqlops.clock import SystemClock
from mysqlops.core import instant, names, publication, rollout, view
from mysqlops.planning import happenings

_ROOT = Path(__file__).parents[3]
REPLICA = publication.Publication(
    "uid", "t", 1, "1", server_uuid="a", state=view.ONLINE, role=names.ROLE_REPLICA, online=3, view_id="7:3"
)


class _Clock(SystemClock):
    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


class _Api:
    """Objects by name, and the Events that were created; two agents may share it."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {"mysql": {"metadata": {"uid": "u"}, "spec": {"replicas": 3}}}
        self.events: dict[str, dict[str, Any]] = {}
        self.trouble: errors.KubeError | None = None
        self.asked = 0

    def get(self, _: str, kind: str, name: str) -> dict[str, Any]:
        if name not in self.objects:
            raise errors.NotFound(f"{kind}/{name}")
        return self.objects[name]

    def create(self, _: str, kind: str, whole: dict[str, Any]) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        if whole["metadata"]["name"] in self.events:
            raise errors.Conflict("there is one")
        self.events[whole["metadata"]["name"]] = whole

    def reasons(self) -> list[str]:
        return [one["reason"] for one in self.events.values()]


def _agent(kube: _Api, clock: _Clock, ordinal: int = 1) -> events.Events:
    me = settings.Settings("mysql", "shop", f"mysql-{ordinal}", "uid")
    around = cluster_api.ClusterApi(cast("api.Api", kube), me, clock)
    return events.Events(me, around, cast("api.Api", kube), clock)


def test_a_failover_and_a_switchover_are_told_apart_and_posted_once() -> None:
    kube, clock = _Api(), _Clock()
    found = _agent(kube, clock)
    found.turned(REPLICA)
    found.turned(replace(REPLICA, online=2))
    clock.seconds += 5
    for _ in range(3):
        found.turned(replace(REPLICA, online=2, view_id="7:4", role=names.ROLE_PRIMARY))
        found.turn()
    assert kube.reasons() == ["Failover"]
    (event,) = kube.events.values()
    assert event["involvedObject"]["uid"] == "u"
    assert event["type"] == "Warning"
    assert "mysql-1 is the primary now: 1 of 3 members" in event["message"]
    found.turned(replace(REPLICA, online=3))
    clock.seconds += 600
    found.turned(replace(REPLICA, online=3, role=names.ROLE_PRIMARY))
    found.turn()
    assert kube.reasons() == ["Failover", "Switchover"]


def test_a_member_that_left_long_ago_makes_no_failover() -> None:
    kube, clock = _Api(), _Clock()
    found = _agent(kube, clock)
    found.turned(replace(REPLICA, online=5))
    found.turned(replace(REPLICA, online=3))
    clock.seconds += 61
    found.turned(replace(REPLICA, online=3, role=names.ROLE_PRIMARY))
    found.turn()
    assert kube.reasons() == ["Switchover"]


def test_a_primary_that_served_nobody_for_a_moment_was_not_elected() -> None:
    kube, clock = _Api(), _Clock()
    found = _agent(kube, clock)
    for role in (names.ROLE_PRIMARY, names.ROLE_NONE, names.ROLE_PRIMARY):
        found.turned(replace(REPLICA, role=role))
    found.turn()
    assert kube.reasons() == []


def test_an_agent_that_starts_beside_a_primary_posts_nothing() -> None:
    kube, clock = _Api(), _Clock()
    found = _agent(kube, clock)
    found.turned(replace(REPLICA, role=names.ROLE_PRIMARY))
    found.turn()
    assert kube.reasons() == []


def test_a_rollout_that_two_agents_see_is_posted_once() -> None:
    kube, clock = _Api(), _Clock()
    agents = [_agent(kube, clock, ordinal) for ordinal in (0, 1)]

    def look(record: rollout.Rollout | None) -> None:
        notes = {names.ANNOTATION_ROLLOUT: rollout.dump(record)} if record else {}
        kube.objects["mysql"] = {"metadata": {"uid": "u", "annotations": notes}, "spec": {"replicas": 3}}
        clock.seconds += 121
        for one in agents:
            one.turn()

    record = rollout.Rollout("image mysql:9.8", "2026-11-27T10:00:00Z", {}, "9.7", "9.8")
    look(None)
    assert kube.reasons() == []
    look(record)
    look(record)
    assert kube.reasons() == ["RolloutStarted"]
    look(replace(record, failure="mysql-2 crashes"))
    look(None)
    assert kube.reasons() == ["RolloutStarted", "RolloutReverting", "RolloutEnded"]


def test_scheduled_backups_are_posted_by_the_primary_alone() -> None:
    kube, clock = _Api(), _Clock()
    first, second = _agent(kube, clock, 0), _agent(kube, clock, 1)
    first.turned(replace(REPLICA, role=names.ROLE_PRIMARY))
    second.turned(REPLICA)

    def look(**status: Any) -> None:
        kube.objects["mysql-backup"] = {"metadata": {}, "status": status}
        clock.seconds += 121
        second.turn()
        first.turn()

    look(lastScheduleTime="2026-11-27T01:00:00Z", lastSuccessfulTime="2026-11-27T01:02:00Z")
    look(lastScheduleTime="2026-11-27T02:00:00Z", lastSuccessfulTime="2026-11-27T01:02:00Z", active=[{}])
    assert kube.reasons() == []
    look(lastScheduleTime="2026-11-27T02:00:00Z", lastSuccessfulTime="2026-11-27T02:03:00Z")
    assert kube.reasons() == ["BackupDone"]
    look(lastScheduleTime="2026-11-27T03:00:00Z", lastSuccessfulTime="2026-11-27T02:03:00Z")
    look(lastScheduleTime="2026-11-27T03:00:00Z", lastSuccessfulTime="2026-11-27T02:03:00Z")
    assert kube.reasons() == ["BackupDone", "BackupFailed"]


def test_an_order_that_stays_open_for_two_hours_is_posted_once() -> None:
    kube, clock = _Api(), _Clock()
    found = _agent(kube, clock)
    found._around.notes = {names.ANNOTATION_FILLING: '{"mysql-2": "b"}'}
    found.turned(replace(REPLICA, role=names.ROLE_PRIMARY))
    found.turn()
    clock.seconds += 7100
    found.turn()
    assert kube.reasons() == []
    clock.seconds += 200
    found.turn()
    found.turn()
    assert kube.reasons() == ["OrderOpen"]
    found._around.notes = {}
    found.turn()
    assert found._open == {}


def test_an_api_server_that_is_away_gets_it_later_and_one_that_refuses_never() -> None:
    kube, clock = _Api(), _Clock()
    found = _agent(kube, clock)
    for trouble in (errors.Unreachable("away"), errors.Forbidden("an older release's Role")):
        kube.trouble = trouble
        found.turned(REPLICA)
        found.turned(replace(REPLICA, role=names.ROLE_PRIMARY, at=str(trouble)))
        found.turn()
        assert kube.reasons() == []
        kube.trouble = None
        found.turn()
        assert kube.reasons() == (["Switchover"] if isinstance(trouble, errors.Unreachable) else [])
        kube.events.clear()


def _failed_over_with_an_open_order(kube: _Api, clock: _Clock) -> events.Events:
    found = _agent(kube, clock)
    found._around.notes = {names.ANNOTATION_FILLING: '{"mysql-2": "b"}'}
    found.turned(REPLICA)
    found.turn()
    clock.seconds += 7300
    found.turned(replace(REPLICA, online=2, role=names.ROLE_PRIMARY))
    return found


def _turn_for_two_minutes(found: events.Events, clock: _Clock) -> None:
    for _ in range(25):
        found.turn()
        clock.seconds += 5


def test_an_order_that_stays_open_does_not_crowd_out_a_failover_while_the_api_server_is_away() -> None:
    kube, clock = _Api(), _Clock()
    found = _failed_over_with_an_open_order(kube, clock)
    kube.trouble = errors.Unreachable("away")
    _turn_for_two_minutes(found, clock)
    kube.trouble = None
    found.turn()
    assert kube.reasons() == ["Failover", "OrderOpen"]


def test_an_api_server_that_refuses_is_asked_once_for_an_order_that_stays_open() -> None:
    kube, clock = _Api(), _Clock()
    found = _failed_over_with_an_open_order(kube, clock)
    kube.trouble = errors.Forbidden("an older release's Role")
    _turn_for_two_minutes(found, clock)
    assert kube.asked == 2  # the failover and the order


def test_what_happens_while_an_event_is_posted_is_posted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many happenings that wait, the oldest are dropped, and never another one for it."""
    kube, clock = _Api(), _Clock()
    found = _agent(kube, clock)
    views = iter(range(100))

    def elected() -> None:
        found.turned(REPLICA)
        found.turned(replace(REPLICA, online=2, view_id=str(next(views)), role=names.ROLE_PRIMARY))

    for _ in range(20):
        elected()
    create = kube.create

    def slowly(group: str, kind: str, whole: dict[str, Any]) -> None:
        if not kube.events:
            elected()
        create(group, kind, whole)

    monkeypatch.setattr(kube, "create", slowly)
    found.turn()
    found.turn()
    assert len(kube.events) == 21


def test_an_order_is_posted_once_its_stateful_set_is_back() -> None:
    kube, clock = _Api(), _Clock()
    found = _failed_over_with_an_open_order(kube, clock)
    gone = kube.objects.pop("mysql")
    found.turn()
    assert kube.reasons() == []
    kube.objects["mysql"] = gone
    found.turn()
    assert kube.reasons() == ["OrderOpen"]


def test_a_fence_is_posted_by_the_members_own_agent_and_not_by_one_that_has_just_started() -> None:
    kube, clock = _Api(), _Clock()
    agents = [_agent(kube, clock, ordinal) for ordinal in (0, 1)]

    def turn(fenced: str) -> None:
        for one in agents:
            one._around.notes = {names.ANNOTATION_FENCED: fenced}
            one.turn()

    turn('{"mysql-0": "slow disk"}')
    turn('{"mysql-0": "slow disk", "mysql-1": "slow disk"}')
    turn('{"mysql-0": "slow disk", "mysql-1": "slow disk"}')
    assert [one["message"] for one in kube.events.values()] == ["mysql-1 was fenced and accepts no clients: slow disk"]
    turn("{}")
    assert kube.reasons() == ["Fenced", "Unfenced", "Unfenced"]
    about = [(one["involvedObject"]["kind"], one["involvedObject"]["name"]) for one in kube.events.values()]
    assert sorted(about) == [("Pod", "mysql-0"), ("Pod", "mysql-1"), ("Pod", "mysql-1")]


def test_a_certificate_that_nobody_renewed_is_posted_once() -> None:
    kube, clock = _Api(), _Clock()
    soon = replace(REPLICA, certificate_until=instant.text(clock.now() + timedelta(days=13)))
    far = replace(REPLICA, certificate_until=instant.text(clock.now() + timedelta(days=61)), ca_until="x")
    for seen, ordinal in ((far, 0), (soon, 1), (soon, 2)):
        found = _agent(kube, clock, ordinal)
        found.turned(seen)
        found.turn()
        found.turn()
    assert kube.reasons() == ["CertificateEnds"]


def test_every_reason_is_on_the_page_of_codes() -> None:
    page = (_ROOT / "docs" / "reference" / "errors.md").read_text().partition("## Events")[2]
    listed = set(re.findall(r"`([A-Z]\w+)`", page)) - {"NAME"}
    source = ast.parse((_ROOT / "mysqlops" / "planning" / "happenings.py").read_text())
    used = set()
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Happening":
            first = node.args[0]
            if isinstance(first, ast.Constant):
                used.add(str(first.value))
            else:
                assert isinstance(first, ast.JoinedStr)
                end = str(cast("ast.Constant", first.values[-1]).value)
                used |= {f"{word}{end}" for word, _ in happenings._WORDS.values()}
    assert used == listed
