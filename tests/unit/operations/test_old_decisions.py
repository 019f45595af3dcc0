"""Who was stopped between deciding and acting does not act on what it saw: a command with its lock, or an agent."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import member, pod
from mysqlops.core import group, rollout, view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import connect, group_replication
from mysqlops.operations import followers, fresh, scale
from mysqlops.operations import rollout as rolling
from mysqlops.planning import rollout as replacing
from mysqlops.planning import scale as scaling
from tests.unit.agent.test_commands import ME, Server
from tests.unit.agent.test_writes import HELD
from tests.unit.fakes.api import Client
from tests.unit.fakes.cluster import NAME, Cluster

LONG = 600.0
SOON = "SET SESSION wait_timeout = 15"  # from here on, a pause ends the session


def _stopped_after(monkeypatch: pytest.MonkeyPatch, cluster: Cluster, planner: Any, kind: type) -> None:
    """SIGSTOP, or a closed laptop, right after the first decision of that kind."""
    real, left = planner.plan, [LONG]

    def plan(*arguments: Any, **options: Any) -> Any:
        found = real(*arguments, **options)
        if isinstance(found, kind) and left:
            cluster.clock.sleep(left.pop())
        return found

    monkeypatch.setattr(planner, "plan", plan)


def test_no_pod_is_replaced_on_a_look_from_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    monkeypatch.setattr(followers, "refresh", lambda *_: None)
    _stopped_after(monkeypatch, cluster, replacing, replacing.Replace)
    stateful_set = copy.deepcopy(cluster.stateful_set())
    before = copy.deepcopy(stateful_set["spec"]["template"])
    record = rollout.Rollout("memory", "2026-01-01T00:00:00Z", before, "9.7.4", "9.7.4")
    stateful_set["spec"]["template"]["spec"]["containers"][0]["image"] = "mysql:9.7.4-1"
    rolling.begin(cluster.session(), [], record, stateful_set)
    with pytest.raises(errors.StepFailed, match="mysql-2 is not replaced: the decision is based on the state at"):
        rolling.finish(cluster.session(), NAME, rolling.Limits(60))
    assert cluster.store.deleted("Pod") == []


def test_nobody_is_scaled_away_on_a_look_from_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    _stopped_after(monkeypatch, cluster, scaling, scaling.Shrink)
    with pytest.raises(errors.StepFailed, match="mysql-2 stays: the decision is based on the state at"):
        scale.execute(cluster.session(), NAME, 1, scale.Request())
    assert cluster.stateful_set()["spec"]["replicas"] == 3


def test_replicas_that_somebody_sets_at_this_moment_are_not_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the last look and the write: the StatefulSet's version says so."""
    cluster, real, left = Cluster(), Client.scale, [5]

    def scaled_before(self: Client, name: str, replicas: int, *, version: str = "") -> None:
        if left:
            cluster.store.put(
                {**cluster.stateful_set(), "spec": {**cluster.stateful_set()["spec"], "replicas": left.pop()}}
            )
        real(self, name, replicas, version=version)

    monkeypatch.setattr(Client, "scale", scaled_before)
    with pytest.raises(errors.Refused) as caught:
        scale.execute(cluster.session(60.0), NAME, 1, scale.Request())
    assert [one.code for one in caught.value.reasons] == ["changed-meanwhile"]
    assert cluster.stateful_set()["spec"]["replicas"] == 5


def test_the_pod_that_has_the_place_of_the_one_to_replace_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """That one went meanwhile, by itself or by another user, and its successor may lead."""
    cluster = Cluster()

    def replaced_meanwhile(*_: object) -> None:
        cluster.store.put(
            {**cluster.pod("mysql-2"), "metadata": {**cluster.pod("mysql-2")["metadata"], "uid": "another"}}
        )

    monkeypatch.setattr(fresh, "check", replaced_meanwhile)
    with pytest.raises(errors.Conflict):
        rolling._replace_pod(cluster.session(), "mysql-2", "2026-01-01T00:00:00Z")
    assert cluster.pod("mysql-2")["metadata"]["uid"] == "another"


class _Own(pod.Pod):
    """A member's pod whose server says what it is asked."""

    def __init__(self, server: Server) -> None:
        super().__init__(ME)
        self._server_ = server

    def server(self) -> connect.Server:
        return self._server_

    def login(self, user: str, key: str) -> connect.Login:
        return connect.Login(user, "secret")


def test_a_member_that_holds_data_by_now_is_not_replaced_by_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was empty when that was decided. A START of an earlier agent went on, it led, and its mysqld has crashed."""
    server = Server()
    monkeypatch.setattr(group_replication, "observe", lambda _: view.ServerView("u0", "9.7.4", GtidSet.parse(HELD)))
    with pytest.raises(errors.StepFailed, match="by now"):
        member.Member(_Own(server)).copy("mysql-1")
    assert server.done == [SOON]


@pytest.mark.parametrize(
    ("then", "now", "drops"), [("1", "1", True), ("1", "2", False), ("1", "", False), ("", "", False)]
)
def test_another_relay_log_than_the_torn_one_is_not_deleted(
    then: str, now: str, drops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    seen = view.ServerView("u0", "9.7.4", GtidSet(), unreadable_at=now)
    monkeypatch.setattr(group_replication, "observe", lambda _: seen)
    with contextlib.nullcontext() if drops else pytest.raises(errors.StepFailed, match="started again"):
        member.Member(_Own(server)).drop_received(then)
    assert server.done[0] == SOON
    assert any("RESET REPLICA" in one for one in server.done) is drops


def test_no_account_is_dropped_in_a_group_that_may_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the same number the cluster's group writes something else."""
    server = Server({"mysql.user": [(1,)]})
    seen = view.ServerView("u0", "9.7.4", GtidSet(), state=view.ONLINE, view_id="8:1")
    monkeypatch.setattr(group_replication, "observe", lambda _: seen)
    own = member.Member(_Own(server))
    noted = view.GroupRecord("mysql-0", None, 0.0, note=group.Note(incarnation="7"))
    assert not own.drop_expired("adopt", noted)
    assert not own.drop_expired("adopt", None)
    assert server.done == []
    assert own.drop_expired("adopt", replace(noted, note=group.Note(incarnation="8")))
    assert any(one.startswith("DROP USER") for one in server.done)
