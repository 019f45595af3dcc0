"""Rollouts: in which order pods are replaced, when they are not, and the paths between versions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mysqlops.core import rollout
from mysqlops.objects import revisions
from mysqlops.planning import actions, status, switchover
from mysqlops.planning import rollout as rolling
from tests.unit.clusters import CLAIMS, DOWN, HEALTHY, NOW, judge_set, of_members


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
                now = of_members(len(now.members), to)
            case other:
                raise AssertionError(other)
    return order


def test_replicas_first_then_a_switchover_then_the_old_primary() -> None:
    everyone = {"mysql-0", "mysql-1", "mysql-2"}
    assert _roll(of_members(3, "mysql-1"), everyone) == ["mysql-2", "mysql-0", "primary mysql-0", "mysql-1"]
    assert _roll(of_members(3, "mysql-1"), {"mysql-1"}) == ["primary mysql-0", "mysql-1"]
    assert _roll(of_members(1), {"mysql-0"}) == ["mysql-0"]
    shown = [(one.action, one.name) for one in rolling.steps(of_members(3, "mysql-1"), "image", changes_version=False)]
    assert shown[1:] == [
        ("replace", "mysql-2"),
        ("replace", "mysql-0"),
        ("switchover", "mysql-0"),
        ("replace", "mysql-1"),
    ]


def test_on_the_way_back_who_leads_with_the_failed_template_hands_over_first() -> None:
    """With settings that shut clients out they wait until it does."""
    now, new = of_members(3, "mysql-1"), {"mysql-1", "mysql-2"}
    assert rolling.plan(now, new) == rolling.Replace("mysql-2", "a replica")
    assert rolling.plan(now, new, goes_back=True) == switchover.Switchover("mysql-1", "mysql-0")
    everyone = {*new, "mysql-0"}  # nobody has the old one any more
    assert rolling.plan(now, everyone, goes_back=True) == rolling.Replace("mysql-2", "a replica")
    assert rolling.plan(of_members(3), new, goes_back=True) == rolling.Replace("mysql-2", "a replica")


def test_nobody_is_replaced_while_another_is_away_but_one_that_is_away_may_be() -> None:
    away = of_members(3, m2=DOWN)
    assert isinstance(rolling.plan(away, {"mysql-0", "mysql-1"}), actions.Wait)
    assert rolling.plan(away, {"mysql-1", "mysql-2"}) == rolling.Replace("mysql-2", "it is DOWN")
    behind = of_members(3, m2={"behind": 5000})
    assert rolling.plan(behind, {"mysql-1"}) == actions.Wait("mysql-2 has 5000 transactions to apply")


@pytest.mark.parametrize("away", [{"at": NOW - timedelta(seconds=31)}, {**DOWN, "executed": ""}])
def test_a_member_that_may_lead_although_nothing_is_heard_of_it_is_not_replaced(away: dict[str, Any]) -> None:
    """An agent that is silent, or that its mysqld refuses: a healthy primary goes on without it."""
    leads = of_members(3, m0=away)
    action = rolling.plan(leads, {"mysql-0"})
    assert isinstance(action, actions.Wait)
    assert "may lead the group" in action.why
    assert isinstance(rolling.plan(of_members(1, m0=away), {"mysql-0"}), actions.Wait)
    # Somebody else leads a majority, or kubelet says that its mysqld does not run.
    assert isinstance(rolling.plan(of_members(3, "mysql-1", m0=away), {"mysql-0"}), rolling.Replace)
    assert isinstance(rolling.plan(leads, {"mysql-0"}, {"mysql-0"}), rolling.Replace)
    assert isinstance(rolling.plan(of_members(3, "mysql-1", m0=away, m2=away), {"mysql-0"}), actions.Wait)


def test_a_pod_whose_mysqld_does_not_run_is_known_by_kubelet() -> None:
    def pod(state: dict[str, Any]) -> dict[str, Any]:
        return {"spec": {"nodeName": "n"}, "status": {"containerStatuses": [{"name": "mysqld", "state": state}]}}

    pods = {"a": pod({"running": {}}), "b": pod({"waiting": {}}), "c": pod({"terminated": {}}), "d": {"spec": {}}}
    assert rolling.dead({**pods, "e": {"spec": {"nodeName": "n"}}}) == {"b", "c", "d"}


def test_a_member_of_a_newer_version_is_not_made_primary_by_order() -> None:
    newer = of_members(
        3, m0={"server_version": "8.4.8"}, m1={"server_version": "9.7.0"}, m2={"server_version": "9.7.0"}
    )
    assert rolling.plan(newer, {"mysql-0"}) == rolling.Replace(
        "mysql-0", "the primary, last: it hands over as it leaves"
    )


def test_the_plan_between_versions_says_what_the_run_does() -> None:
    shown = rolling.steps(of_members(3, "mysql-1"), "image", changes_version=True)
    assert [one.name for one in shown if one.action != "apply"] == ["mysql-2", "mysql-0", "mysql-1"]
    assert shown[-1].why == "the primary, last: it hands over as it leaves"


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [("8.4.8", "9.7.4", True), ("9.7.4", "26.10.0", True), ("8.0.40", "8.0.46", True), ("9.7.4", "9.7.5", False)],
)
def test_where_a_newer_member_leads_only_a_patch_of_an_lts_series_is_taken_back(
    before: str, after: str, refused: bool
) -> None:
    seen = of_members(3, m0={"server_version": f"{after}-2"}, m1={"server_version": before})
    record = rollout.Rollout("image", "2026-01-01T00:00:00Z", {}, before, after)
    assert [one.code for one in rolling.no_way_back(seen, record)] == ["newer-leads"] * refused
    silent = of_members(3, m0={"role": "none", "state": "OFFLINE", "server_version": after})
    assert [one.code for one in rolling.no_way_back(silent, record)] == ["no-primary"]


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
    seen = judge_set(stateful_set, HEALTHY)
    (condition,) = seen.conditions
    assert "memory 1Gi -> 2Gi" in condition.message
    assert rolling.held_up_by(seen) == []
    assert revisions.is_observed(stateful_set)
    assert revisions.outdated(stateful_set, pods) == set(pods)
    back = replace(record, failure="mysql-2 crashed")
    stateful_set["metadata"]["annotations"] = {"mysqlops.io/rollout": rollout.dump(back)}
    seen = judge_set(stateful_set, HEALTHY)
    assert "rolled back (mysql-2 crashed)" in seen.conditions[0].message
    assert rollout.read({"metadata": {"annotations": {"mysqlops.io/rollout": "{"}}}) is None


def test_while_no_group_runs_nobody_gets_an_untried_template() -> None:
    """Found by the simulator (rollout, seed 2001): the power went after the canary, and every member got its image."""
    outside = {"state": "OFFLINE", "role": "none", "label": "none"}
    now = of_members(3, m0=outside, m1=outside, m2=DOWN)
    action = rolling.plan(now, {"mysql-0", "mysql-1"}, {"mysql-2"})
    assert isinstance(action, actions.Wait)
    assert "no group runs" in action.why
    led = of_members(3, m1=outside)
    assert isinstance(rolling.plan(led, {"mysql-1"}), rolling.Replace)


def test_before_the_first_new_pod_has_come_up_nobody_else_that_answers_is_replaced() -> None:
    """Found by the simulator (rollout, seed 2001): one that was about to join got the image that nobody could run."""
    outside = {"state": "OFFLINE", "role": "none", "label": "none"}
    now = of_members(3, m1=outside, m2=DOWN)
    assert isinstance(rolling.plan(now, {"mysql-0", "mysql-1"}, {"mysql-2"}), actions.Wait)
    assert isinstance(rolling.plan(now, {"mysql-0", "mysql-1"}, {"mysql-1", "mysql-2"}), actions.Wait)
    assert isinstance(rolling.plan(of_members(3, m1=outside), {"mysql-0", "mysql-1"}), rolling.Replace)


def test_while_no_group_runs_a_member_that_answers_does_not_hide_one_that_cannot_start() -> None:
    """The group waits for what that one holds, whatever its ordinal."""
    outside = {"state": "OFFLINE", "role": "none", "label": "none"}
    now = of_members(3, m0=DOWN, m1=outside, m2=outside)
    everyone = {"mysql-0", "mysql-1", "mysql-2"}
    assert rolling.plan(now, everyone, {"mysql-0"}) == rolling.Replace("mysql-0", "it is DOWN")
    action = rolling.plan(now, everyone)
    assert isinstance(action, actions.Wait)
    assert "mysql-2, which is OFFLINE, is needed" in action.why


def test_after_a_power_failure_a_member_that_is_about_to_start_keeps_its_template() -> None:
    def pod(**state: Any) -> dict[str, Any]:
        containers = [{"name": "mysqld", "restartCount": 3, "state": {"waiting": state}}]
        return {"metadata": {"name": "x"}, "spec": {"nodeName": "n"}, "status": {"containerStatuses": containers}}

    pods = {"mysql-0": pod(reason="PodInitializing"), "mysql-1": pod(reason="CrashLoopBackOff")}
    nobody, led = of_members(3, m0=DOWN, m1=DOWN, m2=DOWN), of_members(3, "mysql-2", m0=DOWN, m1=DOWN)
    assert rolling.gone(nobody, pods, goes_back=False) == {"mysql-1"}
    assert rolling.gone(nobody, pods, goes_back=True) == rolling.gone(led, pods, goes_back=False) == set(pods)
