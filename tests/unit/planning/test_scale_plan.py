"""Scaling: each decision, and what remains when a run is cut after any step."""

from __future__ import annotations

import dataclasses

import pytest

from mysqlops.core import group, gtid, names, rollout
from mysqlops.errors import Refused, WaitTimeout
from mysqlops.operations import direction
from mysqlops.operations import rollout as execution
from mysqlops.planning import actions, scale, status, switchover, verdict
from mysqlops.planning import rollout as rolling
from tests.unit.clusters import CLAIMS, DOWN, GROUP, NOW, of_members, pod


def _walk(replicas: int, target: int, primary: str) -> tuple[list[scale.Action], str]:
    """All actions of a run in which each has its effect at once; asserts that each can be the first of another run."""
    done: list[scale.Action] = []
    while True:
        action = scale.plan(of_members(replicas, primary), target)
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
    assert scale.plan(of_members(4, m3=DOWN), 5) == actions.Wait("mysql-3 is DOWN: no reason known")
    assert scale.plan(of_members(3, running=4), 3) == actions.Wait("mysql-3 is leaving the group")


def test_nobody_goes_whose_vote_the_group_needs_while_it_still_counts_a_dead_member() -> None:
    """Of two that it counts, the one that stays is half."""
    counted = {"group": "mysql-0,mysql-1,mysql-2", "online": 2}
    dying = of_members(3, m0=counted, m1=DOWN, m2=counted)
    assert isinstance(scale.plan(dying, 1), actions.Wait)
    expelled = {"group": "mysql-0,mysql-2", "online": 2}
    assert scale.plan(of_members(3, m0=expelled, m1=DOWN, m2=expelled), 1) == scale.Shrink("mysql-2")


def test_a_filling_volume_hinders_no_change() -> None:
    filling = of_members(3, m1={"volume_size": 1000 << 20, "volume_used": 900 << 20})
    assert filling.verdict == "degraded"
    assert scale.plan(filling, 5) == scale.Grow("mysql-3")
    assert rolling.held_up_by(filling) == []


def test_a_scaling_may_be_turned_round_while_a_member_joins() -> None:
    joining = of_members(4, m3={"state": "RECOVERING", "role": "none", "label": "none"})
    assert scale.plan(joining, 3) == scale.Shrink("mysql-3")


def test_a_dead_member_may_be_scaled_away_but_not_the_majority() -> None:
    assert scale.plan(of_members(5, m4=DOWN), 3) == scale.Shrink("mysql-4")
    with pytest.raises(Refused, match="too few of the 3 members that would stay"):
        scale.check(of_members(5, "mysql-2", m0=DOWN, m1=DOWN), 3)
    with pytest.raises(Refused, match="1 of 3 members are ONLINE"):
        scale.check(of_members(3, m1=DOWN, m2=DOWN), 5)
    with pytest.raises(Refused, match="stopped"):
        scale.check(of_members(0), 3)


@pytest.mark.parametrize(
    ("now", "goes_on"),
    [
        (of_members(2, running=1, m0={"group": "mysql-0"}), True),  # no pod yet
        (of_members(2, m0={"group": "mysql-0"}, m1=DOWN), True),
        (of_members(2, m1={"state": "RECOVERING", "role": "none", "label": "none"}), True),
        (of_members(3, m1={"state": "RECOVERING", "role": "none", "label": "none"}, m2=DOWN), True),
        (of_members(2, m0={"group": "mysql-0,mysql-1"}, m1=DOWN), False),  # it is in the group, and fails
        (of_members(3, m0={"group": "mysql-0"}, m1=DOWN, m2=DOWN), False),
        (of_members(2, m1=DOWN), False),  # nobody says who is in the group
    ],
)
def test_a_scaling_that_was_killed_waits_for_the_member_that_it_asked_for(now: status.Status, goes_on: bool) -> None:
    """1 -> 2 of 3: one of two is ONLINE, and waiting brings the other."""
    if not goes_on:
        with pytest.raises(Refused, match="are ONLINE"):
            scale.check(now, 5)
        return
    scale.check(now, 5)
    assert isinstance(scale.plan(now, 5), actions.Wait)


NOTE = group.Note()


def test_only_a_claim_that_the_others_could_replace_is_deleted() -> None:
    scale.check_deletion(of_members(3), 1, NOTE)
    outside = {"state": "OFFLINE", "role": "none", "label": "none"}
    scale.check_deletion(of_members(3, m2={**outside, "executed": f"{GROUP}:1-4"}), 1, NOTE)
    with pytest.raises(Refused, match=f"only mysql-2 holds {GROUP}:6"):
        scale.check_deletion(of_members(3, m2={**outside, "executed": f"{GROUP}:1-6"}), 1, NOTE)
    with pytest.raises(Refused, match=f"only mysql-2 holds {GROUP}:6-20"):
        scale.check_deletion(of_members(3, m2={**outside, "received": f"{GROUP}:6-20"}), 1, NOTE)
    with pytest.raises(Refused, match="what mysql-2 holds is not known"):
        scale.check_deletion(of_members(3, m2={**DOWN, "executed": ""}), 1, NOTE)
    scale.check_deletion(of_members(3, m2={**DOWN, "executed": ""}), 1, NOTE, accept_loss=True)
    with pytest.raises(Refused, match="what mysql-2 holds is not known"):
        scale.check_deletion(of_members(3, running=2), 1, NOTE)


def test_numbers_of_a_group_that_does_not_count_are_nobody_elses() -> None:
    barred = group.Note(outcasts={"mysql-2": "uuid of mysql-2"}, shared={"mysql-2": f"{GROUP}:1-3"})
    outside = {"state": "OFFLINE", "role": "none", "label": "none"}
    with pytest.raises(Refused, match=f"only mysql-2 holds {GROUP}:4; it was in a group that does not count"):
        scale.check_deletion(of_members(3, m2={**outside, "executed": f"{GROUP}:1-4"}), 1, barred)
    scale.check_deletion(of_members(3, m2={**outside, "executed": f"{GROUP}:1-3"}), 1, barred)


@pytest.mark.parametrize(
    ("executed", "purged", "told"),
    [
        (f"{GROUP}:1-5", "", None),
        (f"{GROUP}:1-5", f"{GROUP}:1-5", None),
        (f"{GROUP}:1-5", f"{GROUP}:1-6", "lacks 4 transactions"),
        (f"{GROUP}:1-10", "", f"holds {GROUP}:10"),
        (None, "", "has not been recorded"),
    ],
)
def test_a_kept_claim_is_used_again_only_if_the_group_can_bring_it_up_to_date(
    executed: str | None, purged: str, told: str | None
) -> None:
    kept = scale.Kept("data-mysql-3", executed, "2026-01-01T00:00:00Z")
    why = scale.unusable_because(kept, gtid.GtidSet.parse(f"{GROUP}:1-9"), [gtid.GtidSet.parse(purged)])
    assert (why is None) if told is None else (told in str(why))


def test_the_steps_that_are_shown_are_those_that_are_made() -> None:
    shown = [(one.action, one.name) for one in scale.steps(of_members(3, "mysql-2"), 1, "delete")]
    assert shown == [
        ("switchover", "mysql-0"),
        ("remove", "mysql-2"),
        ("delete", "data-mysql-2"),
        ("remove", "mysql-1"),
        ("delete", "data-mysql-1"),
    ]
    assert [one.name for one in scale.steps(of_members(1), 3, "keep")] == ["mysql-1", "mysql-2"]


def _half_scaled(replicas: int, *, rolls: bool = False) -> status.Status:
    """An outage after `scale` asked for fewer, before the group's primary had noted that one left."""
    note = group.Note(members={"mysql-0": "uuid of mysql-0", "mysql-2": "uuid of mysql-2"})
    lease = {"metadata": {"annotations": {names.ANNOTATION_GROUP: group.dump(note)}}}
    alone = pod("mysql-0", state="OFFLINE", role="none", label="none", online=0)
    record = rollout.Rollout("settings", "2026-01-01T00:00:00Z", {"spec": {}}, "9.7.4", "9.7.4")
    notes = {names.ANNOTATION_ROLLOUT: rollout.dump(record)} if rolls else {}
    metadata = {"name": "mysql", "namespace": "db", "annotations": notes}
    stateful_set = {"metadata": metadata, "spec": {"replicas": replicas, **CLAIMS}}
    return verdict.judge(status.Observed("mysql", NOW, stateful_set, {"mysql-0": alone}, {}, {}, lease=lease))


def test_a_scaling_down_that_an_outage_met_is_turned_round_by_scale_itself() -> None:
    """The group waits for a member that nobody asks for any more (simulation: scale 2008)."""
    now = _half_scaled(1)
    assert now.awaited == ("mysql-2",)
    assert "mysqlops scale mysql --replicas 3" in now.conditions[0].hint
    scale.check(now, 3)
    assert scale.plan(now, 3) == scale.Grow("mysql-1")
    assert scale.plan(_half_scaled(2), 3) == scale.Grow("mysql-2")
    with pytest.raises(Refused) as refused:
        scale.check(_half_scaled(2), 1)
    assert "mysqlops scale mysql --replicas 3" in str(refused.value.reasons[0].hint)
    assert _half_scaled(3).awaited == ()


def test_whom_somebody_scaled_away_during_a_rollout_comes_back_before_the_rollout_ends() -> None:
    """No group is formed without that member, so no template ends the rollout (simulation: settings 520000)."""
    now = _half_scaled(2, rolls=True)
    assert [condition.code for condition in now.conditions if condition.code == "rollout-open"] == ["rollout-open"]
    scale.check(now, 3)
    assert scale.plan(now, 3) == scale.Grow("mysql-2")
    for target in (1, 4):  # nothing but that
        with pytest.raises(Refused, match="rollout"):
            scale.check(now, target)
    failed = direction.fails_both_ways(now, "mysql-1 crashes", is_kept=True)
    assert str(failed.hint).startswith("mysqlops scale mysql --replicas 3 brings its pod back")
    assert "then if the newer version has changed the data, mysqlops upgrade mysql --forward" in str(failed.hint)
    whole = dataclasses.replace(now, awaited=())
    assert str(direction.fails_both_ways(whole, "mysql-1 crashes", is_kept=True).hint).startswith("if the newer")


def test_once_they_are_back_scale_does_not_wait_for_the_rollout_that_ends_after_it() -> None:
    """It did until its limit (simulation: settings 1000002)."""
    waiting = _half_scaled(3, rolls=True)
    still_open = [one for one in waiting.conditions if one.code == "rollout-open"]
    back = dataclasses.replace(waiting, awaited=(), primary="mysql-0", conditions=tuple(still_open))
    assert scale.plan(back, 3) == actions.Done()
    assert isinstance(scale.plan(waiting, 3), actions.Wait)  # mysql-2 is not back yet
    assert isinstance(scale.plan(back, 4), actions.Wait)  # and nobody else is added meanwhile


def test_a_pod_that_waits_for_whom_somebody_scaled_away_is_no_failure_of_its_template() -> None:
    now = _half_scaled(2, rolls=True)
    seen = status.Observed("mysql", NOW, {"metadata": {}, "spec": {"replicas": 2}}, {"mysql-0": {}}, {}, {})
    with pytest.raises(WaitTimeout, match="not formed without mysql-2") as late:
        execution._check_new_pods(seen, now, [], 61.0, execution.Limits(60))
    assert "mysqlops scale mysql --replicas 3" in str(late.value.hint)
    with pytest.raises(execution.NewPodFailed):
        execution._check_new_pods(seen, dataclasses.replace(now, awaited=()), [], 61.0, execution.Limits(60))


@pytest.mark.parametrize(("executed", "known"), [("", ""), (f"{GROUP}:1-5", f"{GROUP}:1-5"), ("anything", None)])
def test_a_note_on_a_claim_that_is_no_gtid_set_is_unknown(executed: str, known: str | None) -> None:
    """An operator may write it."""
    notes = {names.ANNOTATION_KEPT_EXECUTED: executed, names.ANNOTATION_KEPT_HISTORY: GROUP}
    claim = {"metadata": {"name": "data-mysql-3", "annotations": notes}}
    assert scale.kept_of(claim, GROUP) == scale.Kept("data-mysql-3", known, None)
