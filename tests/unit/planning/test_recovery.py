"""Who is given up after a full outage, what only they hold, and what the order says (S2, S6, S12, S13)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mysqlops.core import group, names, view
from mysqlops.errors import Refused
from mysqlops.operations import upgrade
from mysqlops.planning import member_actions, recovery, status, verdict
from tests.unit.clusters import CLAIMS, GROUP, HEALTHY, NOW, pod
from tests.unit.core import test_group as groups

UP_TO_5, UP_TO_9 = f"{GROUP}:1-5", f"{GROUP}:1-9"
LAST_VIEW = {"mysql-0": "u0", "mysql-1": "u1", "mysql-2": "u2"}


def outside(number: int, held: str = UP_TO_5, uuid: str = "", state: str = view.OFFLINE, **more: Any) -> dict[str, Any]:
    facts = {"executed": held, "held": held, "server_uuid": uuid or f"u{number}", "state": state, **more}
    return pod(f"mysql-{number}", role="none", online=0, **facts)


def silent(number: int) -> dict[str, Any]:
    made = pod(f"mysql-{number}")
    made["metadata"]["annotations"] = {}
    return made


def observed(
    *pods: dict[str, Any], note: group.Note | None = None, notes: dict[str, str] | None = None
) -> status.Observed:
    annotations = {names.ANNOTATION_GROUP: group.dump(note or group.Note(members=LAST_VIEW)), **(notes or {})}
    lease = {"metadata": {"annotations": annotations}, "spec": {"acquireTime": "10:00"}}
    stateful_set = {"metadata": {"name": "mysql", "namespace": "db"}, "spec": {"replicas": 3, **CLAIMS}}
    found = {one["metadata"]["name"]: one for one in pods}
    return status.Observed("mysql", NOW, stateful_set, found, {}, {}, lease=lease)


def risks(seen: status.Observed, without: Sequence[str] = ()) -> tuple[recovery.Risk, ...]:
    return recovery.plan(seen, without).risks


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refused.value.reasons]


def test_a_member_that_never_said_what_it_holds_is_a_risk_that_nobody_knows() -> None:
    (risk,) = risks(observed(outside(0), outside(1), silent(2)))
    assert (risk.member, risk.only_there, risk.server_uuid, risk.is_known) == ("mysql-2", None, "u2", False)


def test_a_member_that_does_not_answer_holds_what_it_last_said_or_more() -> None:
    down = pod("mysql-2", role="none", state=view.DOWN, executed="", held=UP_TO_9, online=0)
    (risk,) = risks(observed(outside(0), outside(1), down))
    assert (risk.only_there, risk.is_known) == (f"{GROUP}:6-9", False)
    never = pod("mysql-2", role="none", state=view.DOWN, executed="", online=0)
    (risk,) = risks(observed(outside(0), outside(1), never))
    assert risk.only_there is None


def test_a_member_of_the_last_group_without_a_pod_is_missing_too() -> None:
    note = group.Note(members={**LAST_VIEW, "mysql-3": "u3"})
    (risk,) = risks(observed(outside(0), outside(1), outside(2), note=note))
    assert risk.member == "mysql-3"


def test_an_empty_volume_does_not_stand_for_the_member_that_it_replaced() -> None:
    (risk,) = risks(observed(outside(0), outside(1), outside(2, "", uuid="new")))
    assert (risk.member, risk.only_there) == ("mysql-2", None)


def test_members_that_diverged_are_shown_one_by_one_and_one_can_be_named() -> None:
    strayed = outside(2, f"{GROUP}:1-4:20-25")
    seen = observed(outside(0), outside(1), strayed)
    with pytest.raises(Refused) as refused:
        recovery.plan(seen)
    assert codes(refused) == ["diverged"] * 3
    assert any(f"only mysql-2 holds {GROUP}:20-25" in reason.message for reason in refused.value.reasons)
    (risk,) = risks(seen, ["mysql-2"])
    assert (risk.member, risk.only_there, risk.is_known) == ("mysql-2", f"{GROUP}:20-25", True)
    with pytest.raises(Refused) as refused:
        recovery.plan(seen, ["mysql-7"])
    assert codes(refused) == ["no-such-member"]


def test_an_order_says_whom_the_user_named_and_who_was_missing() -> None:
    seen = observed(outside(0), outside(1, f"{GROUP}:1-4:20"), silent(2))
    order = recovery.order(seen, recovery.plan(seen, ["mysql-1"]), "another")
    assert (set(order.members), order.named) == ({"mysql-1", "mysql-2"}, {"mysql-1": "u1"})


def test_a_member_outside_the_last_view_that_holds_more_is_shown_and_either_side_can_be_given_up() -> None:
    note = group.Note(members={"mysql-1": "u1", "mysql-2": "u2"})
    seen = observed(outside(0, UP_TO_9), outside(1), outside(2), note=note)
    with pytest.raises(Refused) as refused:
        recovery.plan(seen)
    assert codes(refused) == ["diverged"] * 3
    assert any(f"only mysql-0 holds {GROUP}:6-9" in reason.message for reason in refused.value.reasons)
    assert [risk.member for risk in risks(seen, ["mysql-0"])] == ["mysql-0"]
    assert [(risk.member, risk.only_there) for risk in risks(seen, ["mysql-1"])] == [("mysql-1", "")]


def test_nothing_is_recovered_that_runs_or_comes_back_by_itself_or_has_nobody_left() -> None:
    with pytest.raises(Refused) as refused:
        recovery.plan(observed(outside(0), outside(1), pod("mysql-2")))
    assert codes(refused) == ["group-runs"]
    with pytest.raises(Refused) as refused:
        recovery.plan(observed(outside(0), outside(1), outside(2)))
    assert codes(refused) == ["none-missing"]
    with pytest.raises(Refused) as refused:
        recovery.plan(observed(silent(0), silent(1), silent(2)))
    assert codes(refused) == ["all-missing"]
    with pytest.raises(Refused) as refused:
        recovery.plan(observed(outside(0), outside(1), outside(2)), ["mysql-0", "mysql-1", "mysql-2"])
    assert codes(refused) == ["all-missing"]


def test_who_was_given_up_before_is_neither_missing_nor_a_holder() -> None:
    note = group.Note(members={"mysql-0": "u0", "mysql-1": "u1"}, outcasts={"mysql-2": "u2"})
    with pytest.raises(Refused) as refused:
        recovery.plan(observed(outside(0), outside(1), silent(2), note=note))
    assert codes(refused) == ["none-missing"]


def test_the_order_names_the_outage_and_the_data_that_is_given_up() -> None:
    seen = observed(outside(0), outside(1), silent(2))
    order = recovery.order(seen, recovery.plan(seen), "another")
    assert order == group.GoOnWithout({"mysql-2": "u2"}, "another", "10:00")


def test_an_order_that_stands_shows_in_status_and_one_of_an_outage_before_does_not() -> None:
    for after, shown in (("10:00", True), ("09:00", False)):
        text = group.dump(group.GoOnWithout({"mysql-2": "u2"}, "another", after))
        seen = observed(outside(0), outside(1), silent(2), notes={names.ANNOTATION_GIVEN_UP: text})
        found = [one for one in verdict.judge(seen).conditions if one.code == "order-open"]
        assert bool(found) is shown


@pytest.mark.parametrize(
    "key",
    [
        names.ANNOTATION_REBUILDING,
        names.ANNOTATION_RESTARTING,
        names.ANNOTATION_RESTORING,
        names.ANNOTATION_STOPPED,
    ],
)
def test_what_a_command_noted_shows_in_status_while_it_stands(key: str) -> None:
    seen = verdict.judge(observed(outside(0), notes={key: '{"mysql-2": "x"}'}))
    assert [one.code for one in seen.conditions].count("order-open") == 1


@pytest.mark.parametrize(("obeying", "is_open"), [("uuid of mysql-1", False), ("", True), ("one before it", True)])
def test_an_order_to_rebuild_is_over_once_the_data_that_obeyed_it_serves(obeying: str, is_open: bool) -> None:
    pods = {one["metadata"]["name"]: one for one in HEALTHY}
    notes = {names.ANNOTATION_REBUILDING: json.dumps({"mysql-1": {"uid": "x", "server": obeying}})}
    stateful_set = {"metadata": {"name": "mysql", "namespace": "db"}, "spec": {"replicas": 3, **CLAIMS}}
    endpoints = {"mysql-primary": ("mysql-0",)}
    lease = {"metadata": {"annotations": notes}}
    seen = status.Observed("mysql", NOW, stateful_set, pods, {}, endpoints, lease=lease)
    assert ("order-open" in [one.code for one in verdict.judge(seen).conditions]) is is_open


def test_no_pod_is_replaced_while_a_backup_is_on_its_way_onto_a_member() -> None:
    """Its pod would wait for the backup when it starts: as a canary it would count as failed, with either template."""
    now = verdict.judge(observed(outside(0), notes={names.ANNOTATION_FILLING: '{"mysql-2": "x"}'}))
    with pytest.raises(Refused) as refused:
        upgrade.check_whole(now)
    assert "restore-open" in codes(refused)


def test_who_is_left_must_not_have_diverged() -> None:
    """The order would be given, and nobody could obey it."""
    with pytest.raises(Refused) as refused:
        recovery.plan(observed(outside(0, f"{GROUP}:1-5:20"), outside(1, f"{GROUP}:1-5:30"), silent(2)))
    assert codes(refused) == ["diverged"] * 2
    (risk, other) = risks(
        observed(outside(0, f"{GROUP}:1-5:20"), outside(1, f"{GROUP}:1-5:30"), silent(2)), ["mysql-1"]
    )
    assert {risk.member, other.member} == {"mysql-1", "mysql-2"}


def test_outcasts_are_taken_back_where_nobody_else_is_left() -> None:
    note = group.Note(members={"mysql-1": "u1"}, outcasts={"mysql-0": "u0", "mysql-2": "u2"})
    found = recovery.plan(observed(outside(0), silent(1), outside(2), note=note))
    assert [risk.member for risk in found.risks] == ["mysql-1"]
    assert found.back == {"mysql-0": "u0", "mysql-2": "u2"}
    order = recovery.order(observed(outside(0), silent(1), outside(2), note=note), found, "another")
    after = group.forming(note, order, "mysql-0", "u0")
    assert after.outcasts == {"mysql-1": "u1"}
    assert set(after.expected()) == {"mysql-0"}


def test_what_a_barred_member_has_from_elsewhere_stands_for_nobodys_transactions() -> None:
    """The members that are given up hold other ones under the same numbers."""
    note = group.Note(members={"mysql-1": "u1"}, outcasts={"mysql-0": "u0"}, shared={"mysql-0": UP_TO_5})
    down = pod("mysql-1", role="none", state=view.DOWN, executed="", held=f"{GROUP}:1-7", online=0)
    found = recovery.plan(observed(outside(0, UP_TO_9), down, silent(2), note=note))
    assert found.back == {"mysql-0": "u0"}
    assert [risk.only_there for risk in found.risks] == [f"{GROUP}:6-7", None]


def test_an_outage_ends_by_itself_whatever_an_old_leaver_has_from_a_group_that_does_not_count() -> None:
    """The agents do not wait for it either (planning/outage.py)."""
    note = group.Note(members={"mysql-0": "u0", "mysql-1": "u1"}, elsewhere={"mysql-2": "u2"})
    note = replace(note, shared={"mysql-2": UP_TO_5})
    seen = observed(outside(0, UP_TO_9), outside(1, UP_TO_9), outside(2, f"{GROUP}:1-12"), note=note)
    with pytest.raises(Refused) as refused:
        recovery.plan(seen)
    assert codes(refused) == ["none-missing"]


def test_a_barred_member_of_the_last_view_that_is_given_up_is_the_only_one_with_what_it_has_from_elsewhere() -> None:
    note = group.Note(members=LAST_VIEW, outcasts={"mysql-0": "u0"}, shared={"mysql-0": UP_TO_5})
    seen = observed(outside(0, f"{GROUP}:1-6"), outside(1, UP_TO_9), outside(2, UP_TO_9), note=note)
    assert [(risk.member, risk.only_there) for risk in risks(seen, ["mysql-0"])] == [("mysql-0", f"{GROUP}:6")]


def test_a_note_that_cannot_be_read_is_named_with_the_way_out() -> None:
    seen = observed(outside(0), outside(1), silent(2), notes={names.ANNOTATION_GROUP: "["})
    with pytest.raises(Refused) as refused:
        recovery.plan(seen)
    assert codes(refused) == ["note-unreadable"]


def test_a_lease_that_is_gone_shows_in_status() -> None:
    seen = replace(observed(outside(0)), lease=None)
    assert "lease-missing" in [one.code for one in verdict.judge(seen).conditions]


def test_once_the_last_member_is_missing_those_that_had_left_before_it_are_named_too() -> None:
    """Found by the simulator (down, seed 4004)."""
    note = group.Note(members={"mysql-2": "u2"}, joining={"mysql-0": "u0"})
    assert {risk.member for risk in risks(observed(outside(0), silent(1), silent(2), note=note))} == {
        "mysql-1",
        "mysql-2",
    }
    assert {risk.member for risk in risks(observed(outside(0), outside(1, UP_TO_9), silent(2), note=note))} == {
        "mysql-2"
    }
    with pytest.raises(Refused) as refused:
        recovery.plan(observed(outside(0), silent(1), outside(2, UP_TO_9), note=note))
    assert codes(refused) == ["none-missing"], "the last view is all there, and holds everything"


def test_a_claim_beyond_the_replicas_may_hold_it_too() -> None:
    claim = {"metadata": {"name": "data-mysql-3"}}
    kept = {"metadata": {"name": "data-mysql-4", "labels": {names.LABEL_KEPT: "true"}}}
    seen = replace(observed(outside(0), outside(1), silent(2)), claims={"data-mysql-3": claim, "data-mysql-4": kept})
    assert {risk.member for risk in risks(seen)} == {"mysql-2", "mysql-3"}


# --- members that have all barred themselves: none of them forms a group, nor joins one

BARRED = group.Note(members=LAST_VIEW, outcasts=LAST_VIEW, shared=dict.fromkeys(LAST_VIEW, UP_TO_5))


def test_where_all_have_barred_themselves_a_user_chooses_whose_transactions_count() -> None:
    seen = observed(outside(0, UP_TO_9), outside(1, UP_TO_9), outside(2), note=BARRED)
    with pytest.raises(Refused) as refused:
        recovery.plan(seen)
    assert codes(refused) == ["diverged"] * 2
    assert f"mysql-1 holds {GROUP}:6-9" in refused.value.reasons[1].message
    found = recovery.plan(seen, ["mysql-1"])
    assert (set(found.back), [risk.member for risk in found.risks]) == ({"mysql-0", "mysql-2"}, ["mysql-1"])
    assert found.risks[0].only_there == f"{GROUP}:6-9", "nobody knows whether mysql-0 has the same ones"


def test_who_is_chosen_forms_the_group_and_whoever_has_more_stays_out() -> None:
    seen = observed(outside(0, UP_TO_9), outside(1, UP_TO_9), outside(2), note=BARRED)
    order = recovery.order(seen, recovery.plan(seen, ["mysql-1"]), "another")
    record = groups.record(BARRED, order=order)
    pods = {0: UP_TO_9, 1: UP_TO_9, 2: UP_TO_5}

    def planned(number: int) -> member_actions.Action:
        others = [groups.peer(other, held) for other, held in pods.items() if other != number]
        return groups.outage(groups.server(number, pods[number]), *others, seen=record)

    assert [type(planned(number)) for number in pods] == [member_actions.FormGroup] + [member_actions.Wait] * 2
    after = group.forming(BARRED, order, "mysql-0", "u0", UP_TO_9)
    assert (after.name, after.outcasts, set(after.elsewhere)) == (
        "another",
        {"mysql-1": "u1"},
        {"mysql-0", "mysql-2"},
    )


def test_an_only_member_that_has_barred_itself_is_taken_back() -> None:
    note = group.Note(members={"mysql-0": "u0"}, outcasts={"mysql-0": "u0"}, shared={"mysql-0": UP_TO_5})
    seen = observed(outside(0, UP_TO_9), note=note)
    found = recovery.plan(seen)
    assert (found.risks, found.back) == ((), {"mysql-0": "u0"})
    text = {names.ANNOTATION_GIVEN_UP: group.dump(recovery.order(seen, found, "another"))}
    order = group.order_of(text, "10:00")
    assert order is not None
    record = groups.record(note, order=order)
    action = groups.outage(groups.server(0, UP_TO_9), seen=record, replicas=1)
    assert isinstance(action, member_actions.FormGroup)
    assert action.record.order == order
