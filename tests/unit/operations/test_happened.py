"""The Events of a rollout that its command posts: each step once, and none that the agents post again."""

from __future__ import annotations

import copy

import pytest

from mysqlops import errors
from mysqlops.core import names, rollout
from mysqlops.core.typed import Json
from mysqlops.operations import followers, unproven
from mysqlops.operations import rollout as rolling
from mysqlops.planning import happenings
from tests.unit.fakes.api import Client, Killed
from tests.unit.fakes.cluster import CRASHED, NAME, ONLINE, Cluster

SINCE = "2026-01-01T00:00:00Z"
LIMITS = rolling.Limits(60)


@pytest.fixture(autouse=True)
def _no_followers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "refresh", lambda *_: None)
    monkeypatch.setattr(unproven, "attempt", lambda *_: None)


def _begin(cluster: Cluster, after: str = "9.7.4") -> rollout.Rollout:
    stateful_set = copy.deepcopy(cluster.stateful_set())
    before = copy.deepcopy(stateful_set["spec"]["template"])
    record = rollout.Rollout("memory 1Gi -> 2Gi", SINCE, before, "9.7.4", after)
    stateful_set["spec"]["template"]["spec"]["containers"][0]["image"] = "mysql:new"
    rolling.begin(cluster.session(), [], record, stateful_set)
    cluster.store.put({"kind": "ConfigMap", "metadata": {"name": names.agent_config_map(NAME)}})
    return record


def _events(cluster: Cluster) -> list[tuple[str, str]]:
    found = [one for (kind, _), one in cluster.store.objects.items() if kind == "Event"]
    uid = cluster.stateful_set()["metadata"]["uid"]
    assert {(one["involvedObject"]["name"], one["involvedObject"]["uid"]) for one in found} <= {(NAME, uid)}
    return [(one["reason"], one["message"]) for one in found]


def test_each_member_is_a_step_with_its_place_and_what_changes() -> None:
    cluster = Cluster(3)
    _begin(cluster)
    assert rolling.finish(cluster.session(), NAME, LIMITS) == ["mysql-2", "mysql-1", "mysql-0"]
    what = "is replaced; memory 1Gi -> 2Gi"
    assert _events(cluster) == [
        ("RolloutStarted", "a rollout began: memory 1Gi -> 2Gi"),
        ("RolloutStep", f"member 1 of 3: mysql-2 {what}"),
        ("RolloutStep", f"member 2 of 3: mysql-1 {what}"),
        ("RolloutStep", f"member 3 of 3: mysql-0 {what}"),
        ("RolloutEnded", "the rollout has ended"),
    ]


def test_a_killed_command_that_continues_repeats_no_step() -> None:
    cluster = Cluster(3)
    _begin(cluster)
    for killing in ("CREATE Event mysql.rolloutstep", "DELETE Pod mysql-2", "CREATE Event mysql.rolloutstep"):
        cluster.store.kill_after = lambda text, killing=killing: text.startswith(killing)  # type: ignore[misc]
        with pytest.raises(Killed):
            rolling.finish(cluster.session(), NAME, LIMITS)
    cluster.store.kill_after = lambda _: False
    rolling.finish(cluster.session(), NAME, LIMITS)
    steps = [text.partition(":")[0] for reason, text in _events(cluster) if reason == "RolloutStep"]
    assert steps == ["member 1 of 3", "member 2 of 3", "member 3 of 3"]


def test_a_rollout_that_goes_back_says_so_at_each_step() -> None:
    cluster = Cluster(3)

    def crash(name: str) -> None:
        """With the new template only."""
        is_new = cluster.stateful_set()["spec"]["template"]["spec"]["containers"][0]["image"] == "mysql:new"
        image = cluster.pod(name)["metadata"].setdefault("annotations", {}).setdefault("made", str(is_new))
        if image == "True":
            cluster.pod(name)["metadata"]["annotations"].pop(names.ANNOTATION_MEMBER, None)
            cluster.facts[name] = {"silent": True, "role": "none", "state": "", "mysqld": CRASHED}
        elif cluster.facts[name]["state"] != "ONLINE":
            cluster.facts[name] = {**ONLINE, "role": "replica", "online": 3}

    cluster.on_pod = crash
    cluster.settle()
    _begin(cluster, "9.7.5")
    with pytest.raises(rolling.RolledBack):
        rolling.finish(cluster.session(), NAME, LIMITS)
    found = _events(cluster)
    assert [reason for reason, _ in found] == [
        *("RolloutStarted", "RolloutStep", "RolloutReverting", "RolloutStep", "RolloutEnded")
    ]
    assert found[1][1] == "member 1 of 3: mysql-2 is replaced; MySQL 9.7.4 -> 9.7.5"
    assert found[3][1] == "member 3 of 3: mysql-2 is replaced; the rollout goes back: MySQL 9.7.5 -> 9.7.4"
    assert found[4][1] == "the rollout was rolled back"


def test_agents_that_see_the_same_post_it_under_the_same_name() -> None:
    cluster = Cluster(3)
    before = copy.deepcopy(cluster.stateful_set())
    _begin(cluster)
    (one,) = happenings.of_stateful_set(before, cluster.stateful_set())
    assert ("Event", one.name(NAME)) in cluster.store.objects


@pytest.mark.parametrize("trouble", [errors.Forbidden("no right"), errors.Unreachable("away")])
def test_events_that_cannot_be_posted_stop_nothing(monkeypatch: pytest.MonkeyPatch, trouble: errors.KubeError) -> None:
    create = Client.create

    def refuse(client: Client, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
        if kind == "Event":
            raise trouble
        return create(client, kind, manifest, dry_run=dry_run)

    monkeypatch.setattr(Client, "create", refuse)
    cluster = Cluster(3)
    _begin(cluster)
    assert rolling.finish(cluster.session(), NAME, LIMITS) == ["mysql-2", "mysql-1", "mysql-0"]
    assert _events(cluster) == []
