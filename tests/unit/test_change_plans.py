"""Scaling, rollouts, settings and volumes: each decision, and what remains when a run is cut after any step."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mysqlops.core import gtid, rollout, version
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import Refused
from mysqlops.kube import manifests
from mysqlops.planning import actions, adopt, revisions, scale, settings, status, storage, switchover
from mysqlops.planning import rollout as rolling
from tests.unit.test_status import CLAIMS, GROUP, HEALTHY, NOW, judge, pod

SEEN = judge(*HEALTHY)


def _status(replicas: int, primary: str = "mysql-0", running: int | None = None, **changed: Any) -> status.Status:
    """A cluster of that many members, `running` of which have pods; `changed` by member's number, as `m2={…}`."""
    names = [f"mysql-{number}" for number in range(replicas if running is None else running)]
    pods = {}
    for number, name in enumerate(names):
        facts = {"role": "primary" if name == primary else "replica", "online": len(names)}
        pods[name] = pod(name, **{**facts, **changed.get(f"m{number}", {})})
    stateful_set = {"metadata": {"name": "mysql", "namespace": "db"}, "spec": {"replicas": replicas, **CLAIMS}}
    return status.judge(status.Observed("mysql", NOW, stateful_set, pods, {}, {"mysql-primary": (primary,)}))


DOWN = {"state": "DOWN", "role": "none", "label": "none"}


# Scaling
def _walk(replicas: int, target: int, primary: str) -> tuple[list[scale.Action], str]:
    """All actions of a run in which each has its effect at once; asserts that each can be the first of another run."""
    done: list[scale.Action] = []
    while True:
        action = scale.plan(_status(replicas, primary), target)
        if isinstance(action, actions.Done):
            return done, primary
        done.append(action)
        match action:
            case scale.Grow():
                replicas += 1
            case scale.Shrink(member):
                assert member != primary
                replicas -= 1
            case switchover.Switchover(_, to):
                primary = to
            case other:
                raise AssertionError(other)
        assert len(done) < 20


@pytest.mark.parametrize("primary", [0, 1, 2])
@pytest.mark.parametrize(("start", "target"), [(3, 5), (3, 1), (3, 3), (3, 9)])
def test_scaling_goes_one_member_at_a_time_and_never_removes_the_primary(start: int, target: int, primary: int) -> None:
    done, leader = _walk(start, target, f"mysql-{primary}")
    moves = [one for one in done if not isinstance(one, switchover.Switchover)]
    assert len(moves) == abs(target - start)
    assert int(leader.rpartition("-")[2]) < target


def test_nobody_comes_or_goes_while_a_member_is_on_its_way() -> None:
    assert scale.plan(_status(4, m3=DOWN), 5) == actions.Wait("mysql-3 is DOWN: no reason known")
    assert scale.plan(_status(3, running=4), 3) == actions.Wait("mysql-3 is leaving the group")


def test_a_filling_volume_hinders_no_change() -> None:
    filling = _status(3, m1={"volume_size": 1000 << 20, "volume_used": 900 << 20})
    assert filling.verdict == "degraded"
    assert scale.plan(filling, 5) == scale.Grow("mysql-3")
    assert rolling.held_up_by(filling) == []


def test_a_scaling_may_be_turned_round_while_a_member_joins() -> None:
    joining = _status(4, m3={"state": "RECOVERING", "role": "none", "label": "none"})
    assert scale.plan(joining, 3) == scale.Shrink("mysql-3")


def test_a_dead_member_may_be_scaled_away_but_not_the_majority() -> None:
    assert scale.plan(_status(5, m4=DOWN), 3) == scale.Shrink("mysql-4")
    with pytest.raises(Refused, match="of the 3 members that would stay too few"):
        scale.check(_status(5, "mysql-2", m0=DOWN, m1=DOWN), 3)
    with pytest.raises(Refused, match="1 of 3 members are ONLINE"):
        scale.check(_status(3, m1=DOWN, m2=DOWN), 5)
    with pytest.raises(Refused, match="stopped"):
        scale.check(_status(0), 3)


def test_only_a_claim_that_the_others_could_replace_is_deleted() -> None:
    scale.check_deletion(_status(3), 1)
    scale.check_deletion(_status(3, m2={**DOWN, "executed": f"{GROUP}:1-4"}), 1)
    with pytest.raises(Refused, match=f"only mysql-2 holds {GROUP}:6"):
        scale.check_deletion(_status(3, m2={**DOWN, "executed": f"{GROUP}:1-6"}), 1)
    with pytest.raises(Refused, match="what mysql-2 holds is not known"):
        scale.check_deletion(_status(3, running=2), 1)


@pytest.mark.parametrize(
    ("executed", "purged", "told"),
    [
        (f"{GROUP}:1-5", "", None),
        (f"{GROUP}:1-5", f"{GROUP}:1-5", None),
        (f"{GROUP}:1-5", f"{GROUP}:1-6", "lacks 4 transactions"),
        (f"{GROUP}:1-10", "", f"holds {GROUP}:10"),
        (None, "", "nobody wrote down"),
    ],
)
def test_a_kept_claim_is_used_again_only_if_the_group_can_bring_it_up_to_date(
    executed: str | None, purged: str, told: str | None
) -> None:
    kept = scale.Kept("data-mysql-3", executed, "2026-01-01T00:00:00Z")
    why = scale.unusable_because(kept, gtid.GtidSet.parse(f"{GROUP}:1-9"), [gtid.GtidSet.parse(purged)])
    assert (why is None) if told is None else (told in str(why))


@pytest.mark.parametrize(
    ("executed", "told"),
    [(f"{GROUP}:1-9", None), (f"{GROUP}:1-10", f"holds {GROUP}:10"), (None, "nobody wrote down")],
)
def test_a_kept_claim_with_a_copy_of_its_own_is_not_deleted(executed: str | None, told: str | None) -> None:
    reason = scale.kept_only_there(scale.Kept("data-mysql-3", executed, None), gtid.GtidSet.parse(f"{GROUP}:1-9"))
    assert (reason is None) if told is None else (told in str(reason))


def test_the_steps_that_are_shown_are_those_that_are_made() -> None:
    shown = [(one.action, one.name) for one in scale.steps(_status(3, "mysql-2"), 1, "delete")]
    assert shown == [
        ("switchover", "mysql-0"),
        ("remove", "mysql-2"),
        ("delete", "data-mysql-2"),
        ("remove", "mysql-1"),
        ("delete", "data-mysql-1"),
    ]
    assert [one.name for one in scale.steps(_status(1), 3, "keep")] == ["mysql-1", "mysql-2"]


# Rollouts
def _roll(now: status.Status, old: set[str]) -> list[str]:
    """The order in which pods are replaced if each comes back at once."""
    order = []
    while not isinstance(action := rolling.plan(now, old), actions.Done):
        match action:
            case rolling.Replace(name, _):
                assert name != now.primary or len(now.members) == 1
                order.append(name)
                old = old - {name}
            case switchover.Switchover(_, to):
                order.append(f"primary {to}")
                now = _status(len(now.members), to)
            case other:
                raise AssertionError(other)
    return order


def test_replicas_first_then_a_switchover_then_the_old_primary() -> None:
    everyone = {"mysql-0", "mysql-1", "mysql-2"}
    assert _roll(_status(3, "mysql-1"), everyone) == ["mysql-2", "mysql-0", "primary mysql-0", "mysql-1"]
    assert _roll(_status(3, "mysql-1"), {"mysql-1"}) == ["primary mysql-0", "mysql-1"]
    assert _roll(_status(1), {"mysql-0"}) == ["mysql-0"]
    shown = [(one.action, one.name) for one in rolling.steps(_status(3, "mysql-1"), "image")]
    assert shown[1:] == [
        ("replace", "mysql-2"),
        ("replace", "mysql-0"),
        ("switchover", "mysql-0"),
        ("replace", "mysql-1"),
    ]


def test_nobody_is_replaced_while_another_is_away_but_one_that_is_away_may_be() -> None:
    away = _status(3, m2=DOWN)
    assert isinstance(rolling.plan(away, {"mysql-0", "mysql-1"}), actions.Wait)
    assert rolling.plan(away, {"mysql-1", "mysql-2"}) == rolling.Replace("mysql-2", "it is DOWN")
    behind = _status(3, m2={"behind": 5000})
    assert rolling.plan(behind, {"mysql-1"}) == actions.Wait("mysql-2 has 5000 transactions to apply")


def test_a_member_of_a_newer_version_is_not_made_primary_by_order() -> None:
    newer = _status(3, m0={"server_version": "8.4.8"}, m1={"server_version": "9.7.0"}, m2={"server_version": "9.7.0"})
    assert rolling.plan(newer, {"mysql-0"}) == rolling.Replace(
        "mysql-0", "the primary, last: it hands over as it leaves"
    )


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}, "no such image"),
        ({"waiting": {"reason": "CrashLoopBackOff"}, "restarts": 2}, "CrashLoopBackOff: boom"),
        ({"waiting": {"reason": "CrashLoopBackOff"}, "restarts": 1}, None),
        ({"waiting": {"reason": "ContainerCreating"}}, None),
        ({"running": {}}, None),
    ],
)
def test_a_new_pod_that_will_not_come_up_is_known(state: dict[str, Any], told: str | None) -> None:
    container = {
        "name": "mysqld",
        "restartCount": state.pop("restarts", 0),
        "state": state,
        "lastState": {"terminated": {"message": "boom"}} if "CrashLoopBackOff" in str(state) else {},
    }
    why = rolling.failed_because({"metadata": {"name": "mysql-2"}, "status": {"containerStatuses": [container]}})
    assert (why is None) if told is None else (told in str(why))


def test_an_open_rollout_is_a_condition_and_hinders_itself_not() -> None:
    record = rollout.Rollout("memory 1Gi -> 2Gi", "2026-01-01T00:00:00Z", {"spec": {}}, "9.7.4", "9.7.4")
    stateful_set: dict[str, Any] = {
        "metadata": {"name": "mysql", "namespace": "db", "generation": 2, "annotations": {}},
        "spec": {"replicas": 3, **CLAIMS},
        "status": {"updateRevision": "new", "observedGeneration": 2},
    }
    stateful_set["metadata"]["annotations"] = {"mysqlops.io/rollout": rollout.dump(record)}
    assert rollout.read(stateful_set) == record
    assert not record.changes_version()
    pods = {one["metadata"]["name"]: one for one in HEALTHY}
    seen = status.judge(status.Observed("mysql", NOW, stateful_set, pods, {}, {"mysql-primary": ("mysql-0",)}))
    (condition,) = seen.conditions
    assert "memory 1Gi -> 2Gi" in condition.message
    assert rolling.held_up_by(seen) == []
    assert revisions.is_told(stateful_set)
    assert revisions.outdated(stateful_set, pods) == set(pods)
    back = replace(record, failure="mysql-2 crashed")
    stateful_set["metadata"]["annotations"] = {"mysqlops.io/rollout": rollout.dump(back)}
    seen = status.judge(status.Observed("mysql", NOW, stateful_set, pods, {}, {"mysql-primary": ("mysql-0",)}))
    assert "taken back (mysql-2 crashed)" in seen.conditions[0].message
    assert rollout.read({"metadata": {"annotations": {"mysqlops.io/rollout": "{"}}}) is None


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("8.0.42", "8.4.8", None),
        ("8.4.8", "9.7.0", None),
        ("9.1.0", "9.7.4", None),
        ("9.7.3", "9.7.4", None),
        ("8.0.42", "9.7.0", "leads through 8.4"),
        ("9.7.4", "9.7.3", "older"),
        ("9.7.4", "8.4.8", "older"),
    ],
)
def test_version_paths(before: str, after: str, told: str | None) -> None:
    why = version.upgrade_refused_because(version.ServerVersion.parse(before), version.ServerVersion.parse(after))
    assert (why is None) if told is None else (told in str(why))


def test_innovation_releases_and_removed_plugins_are_known() -> None:
    found = {text: version.ServerVersion.parse(text) for text in ("8.4.8", "9.1.0", "9.7.4")}
    assert [version.is_innovation(one) for one in found.values()] == [False, True, False]
    assert [version.lacks_plugin(one, "mysql_native_password") for one in found.values()] == [False, True, True]
    assert not version.lacks_plugin(found["9.7.4"], "caching_sha2_password")


# Settings
def test_a_change_of_my_cnf_is_named_variable_by_variable() -> None:
    before = "[mysqld]\nmax_connections = 60\nloose-group_replication_x = 1\nskip_name_resolve\n"
    after = "[mysqld]\nmax-connections = 80\nlong_query_time=1\nskip_name_resolve = ON\n"
    wanted = {"group_replication_x": None, "long_query_time": "1", "max_connections": "80"}
    assert settings.changes(before, after) == wanted
    assert settings.changes(before, before) == {}


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("1G", "1073741824", True),
        ("ON", "1", True),
        ("'ROW'", "row", True),
        ("OFF", "1", False),
        ("64M", "64", False),
        (None, "", True),
    ],
)
def test_two_ways_to_write_a_value(left: str | None, right: str | None, same: bool) -> None:
    assert settings.is_same(left, right) is same


def test_what_the_role_decides_is_no_difference() -> None:
    assert settings.differs("max_connections", "70", "65")
    assert not settings.differs("max_connections", "70", "70")
    assert not settings.differs("super_read_only", "ON", "0")


# Volumes
def _claim(size: str, capacity: str | None = None, storage_class: str = "fast", **states: Any) -> dict[str, Any]:
    found = {"capacity": {"storage": capacity or size}, **states}
    spec = {"resources": {"requests": {"storage": size}}, "storageClassName": storage_class}
    return {"metadata": {"name": "data-mysql-0"}, "spec": spec, "status": found}


def test_volumes_only_grow_and_only_where_their_class_can() -> None:
    storage.check_larger("1Gi", [_claim("1Gi")], "1024Mi")
    with pytest.raises(Refused, match="volumes of 2Gi cannot become smaller"):
        storage.check_larger("1Gi", [_claim("2Gi")], "1500Mi")
    storage.check_expandable([_claim("1Gi")], {"fast": True}, "2Gi")
    storage.check_expandable([_claim("1Gi")], {"fast": None}, "2Gi")
    with pytest.raises(Refused, match=r"data-mysql-0 \(fast\)"):
        storage.check_expandable([_claim("1Gi")], {"fast": False}, "2Gi")


def test_what_is_left_of_a_resize_is_what_is_shown() -> None:
    def shown(claim: dict[str, Any], template: str, *, by_rebuild: bool = False) -> list[str]:
        return [one.action for one in storage.steps("mysql", template, [claim], "2Gi", by_rebuild=by_rebuild)]

    assert shown(_claim("1Gi"), "1Gi") == ["grow", "replace"]
    assert shown(_claim("2Gi", "1Gi"), "1Gi") == ["grow", "replace"]
    assert shown(_claim("2Gi"), "1Gi") == ["replace"]
    assert shown(_claim("2048Mi", "2Gi"), "2Gi") == []
    assert shown(_claim("1Gi"), "1Gi", by_rebuild=True) == ["rebuild", "replace"]


def test_a_driver_that_cannot_is_heard() -> None:
    conditions = [{"message": "no space in the pool"}]
    states = {"storage": "ControllerResizeInfeasible"}
    claim = _claim("2Gi", "1Gi", allocatedResourceStatuses=states, conditions=conditions)
    assert "no space in the pool" in str(storage.infeasible_because(claim))
    assert storage.infeasible_because(_claim("1Gi")) is None


def test_a_stateful_set_made_anew_differs_in_its_claims_size_only() -> None:
    spec = {"replicas": 3, "template": {"x": 1}, "volumeClaimTemplates": [{**_claim("1Gi"), "status": {"phase": "x"}}]}
    metadata = {"name": "mysql", "namespace": "db", "labels": {"a": "b"}, "uid": "u", "resourceVersion": "7"}
    old = {"metadata": metadata, "spec": spec, "status": {"replicas": 3}}
    assert storage.template_differs(old, "2Gi")
    new = storage.with_size(old, "2Gi")
    assert not storage.template_differs(new, "2Gi")
    assert new["metadata"] == {"name": "mysql", "namespace": "db", "labels": {"a": "b"}}
    assert new["spec"]["template"] == {"x": 1}
    assert "status" not in new
    assert storage.size_of(old) == "1Gi"


# Adoption
def _job(**changed: Any) -> dict[str, Any]:
    spec = ClusterSpec(name="orders", namespace="shop", image="mysql:8.4")
    request = adopt.Request(adopt.Source("old", 3306, "root", "old-secret", "PW"), **changed)
    return adopt.job(manifests.load_one("adopt/job.yaml"), spec, "orders-agent-x", request, seconds=60)


def test_the_job_of_a_copy_has_the_clusters_images_and_no_password_but_in_files() -> None:
    job = _job(databases=["a"])
    pod = job["spec"]["template"]["spec"]
    images = [one["image"] for one in (*pod["initContainers"], *pod["containers"])]
    assert images == ["python:3.13-slim", "mysql:8.4", "python:3.13-slim"]
    assert job["metadata"]["name"] == "orders-adopt"
    environment = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    assert environment["TARGET_HOST"] == "orders-primary.shop.svc"
    assert not any("PASSWORD" in key for key in environment)
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert volumes["source"]["secret"]["items"] == [{"key": "PW", "path": "password"}]
    assert volumes["agent"]["configMap"]["name"] == "orders-agent-x"
    assert volumes["work"]["emptyDir"]["medium"] == "Memory"
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"]


def test_a_job_of_a_killed_run_is_taken_only_if_it_does_the_same() -> None:
    assert adopt.is_same(_job(), _job())
    assert not adopt.is_same(_job(), _job(finish=True))
    assert not adopt.is_same(_job(), _job(databases=["a"]))


def test_the_report_of_a_copy_names_what_differs() -> None:
    tables = [
        {"name": "a.t", "rows": 3, "copied": 3, "equal": True},
        {"name": "a.u", "rows": 2, "copied": 1, "equal": False},
        {"name": "a view v", "rows": 0, "copied": -1, "equal": False},
    ]
    log = "verify\n" + json.dumps({"databases": ["a"], "tables": tables, "accounts_refused": ["x@%: no"]})
    report = adopt.read_report(log)
    assert report == adopt.Report(["a"], 2, 4, ["a.u (2 rows, 1 copied)", "a view v (0 rows, -1 copied)"], ["x@%: no"])
    assert adopt.read_report("nothing") is None


@pytest.mark.parametrize(("step", "told"), [("copy", "copying"), ("verify", "comparing every row"), ("x", "x")])
def test_what_a_copy_does_now_is_told(step: str, told: str) -> None:
    assert adopt.progress(step, "") == told
