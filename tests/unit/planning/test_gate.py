"""Before data goes: who else holds it, seen now; and nobody deletes a claim but through the gate (S3, S13)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mysqlops.core import group, gtid
from mysqlops.planning import actions, gate, scale, status
from tests.unit.clusters import DOWN, GROUP, of_members

ALL = gtid.GtidSet.parse(f"{GROUP}:1-5")
ANSWERS = {f"mysql-{number}": ALL for number in range(5)}


def _ask(now: status.Status, held: gtid.GtidSet | None = ALL, member: str = "mysql-2", **given: Any) -> set[str]:
    answers = given.pop("answers", ANSWERS)
    going = gate.Going(f"data-{member}", "uid", member, held)
    return {one.code for one in gate.reasons(now, going, answers, **given)}


def test_a_claim_goes_if_a_majority_holds_all_of_it_now() -> None:
    assert _ask(of_members(3)) == set()
    passed = gate.check(of_members(3), gate.Going("data-mysql-2", "uid", "mysql-2", ALL), ANSWERS)
    assert (passed.claim, passed.uid, passed.member) == ("data-mysql-2", "uid", "mysql-2")
    assert _ask(of_members(3, m2=DOWN)) == set()
    assert _ask(of_members(3), member="mysql-4") == set()


@pytest.mark.parametrize(
    ("now", "given", "codes"),
    [
        (of_members(3, "mysql-2"), {}, {"is-primary"}),
        (of_members(1), {"member": "mysql-0"}, {"only-member"}),
        (of_members(3, m1=DOWN), {}, {"no-majority"}),
        (of_members(3), {"answers": {"mysql-0": ALL}}, {"no-majority"}),
        (of_members(3), {"answers": {"mysql-1": ALL}}, {"no-primary"}),
        (of_members(3, m0={"role": "replica"}), {}, {"no-primary"}),
        (of_members(3, m0={"online": 2}), {}, {"members-unseen"}),
        (of_members(3), {"held": None}, {"unknown-data"}),
        (of_members(3), {"held": gtid.GtidSet.parse(f"{GROUP}:1-7")}, {"only-copy"}),
        (of_members(3), {"held": None, "accept_loss": True}, set()),
        (of_members(3, m1=DOWN), {"held": None, "accept_loss": True}, {"no-majority"}),
        (of_members(1), {"member": "mysql-0", "accept_loss": True}, {"only-member"}),
    ],
)
def test_what_the_gate_keeps(now: status.Status, given: dict[str, Any], codes: set[str]) -> None:
    assert _ask(now, **given) == codes


def test_while_the_note_cannot_be_read_nobody_knows_whose_numbers_can_be_trusted() -> None:
    claim = {"metadata": {"name": "data-mysql-2", "uid": "uid"}}
    assert gate.going(of_members(3), claim, None, group.Note()).held is not None
    going = gate.going(of_members(3), claim, ALL, group.Note(garbled=True))
    assert [one.code for one in gate.reasons(of_members(3), going, ANSWERS)] == ["unknown-data"]


INSIDE = {"state": "RECOVERING", "role": "none", "label": "none"}
OUTSIDE = {"state": "OFFLINE", "role": "none", "label": "none", "group": "", "online": 0}


def _knocking(state: dict[str, Any], others: tuple[str, ...], first: dict[str, Any]) -> status.Status:
    """mysql-2 comes and goes; the primary sees `others`, and mysql-2 while it is inside."""
    seen = ",".join((*others, "mysql-2") if state is INSIDE else others)
    facts = {"group": seen, "online": 1}
    return of_members(3, m0=facts, m1={**facts, **first}, m2={**facts, **state})


@pytest.mark.parametrize(
    ("others", "first", "codes"),
    [
        (("mysql-0",), DOWN, set()),
        (("mysql-0", "mysql-1"), INSIDE, {"no-majority"}),  # the group would end with its server
        (("mysql-0", "mysql-1"), {}, set()),
        (("mysql-0", "mysql-1"), {**DOWN, "executed": ""}, {"no-majority"}),  # nobody knows whether it votes
    ],
)
def test_of_a_member_that_knocks_without_end_the_answer_does_not_depend_on_the_moment(
    others: tuple[str, ...], first: dict[str, Any], codes: set[str]
) -> None:
    for state in (INSIDE, OUTSIDE):
        now = _knocking(state, others, first)
        answers = {one: ALL for one in others if "DOWN" not in first.values()} | {"mysql-0": ALL}
        going = gate.Going("data-mysql-2", "uid", "mysql-2", ALL, repair=True)
        assert {one.code for one in gate.reasons(now, going, answers)} - {"members-unseen"} == codes, state
        more = gate.Going("data-mysql-2", "uid", "mysql-2", gtid.GtidSet.parse(f"{GROUP}:1-7"), repair=True)
        assert "only-copy" in {one.code for one in gate.reasons(now, more, answers)}


def test_once_a_member_has_left_by_order_its_vote_still_counts() -> None:
    """Another that died meanwhile is out of the group too: a majority of those who are left proves nothing."""
    going = gate.Going("data-mysql-2", "uid", "mysql-2", ALL, "--accept-loss", repair=True)
    first = gate.check(of_members(3), going, ANSWERS)
    assert first.voters == 3
    left = of_members(3, m2=OUTSIDE, m1=DOWN, m0={"group": "mysql-0", "online": 1})
    assert gate.reasons(left, going, ANSWERS) == [], "nobody ever counted the others"
    again = gate.reasons(left, replace(going, voters=first.voters), ANSWERS)
    assert [one.code for one in again] == ["no-majority"]
    whole = of_members(3, m2=OUTSIDE, m0={"group": "mysql-0,mysql-1", "online": 2}, m1={"group": "mysql-0,mysql-1"})
    assert gate.reasons(whole, replace(going, voters=first.voters), ANSWERS) == []


def test_a_member_that_is_online_is_a_vote_that_would_be_missing() -> None:
    now = of_members(3, m0={"group": "mysql-0,mysql-2", "online": 2}, m1=DOWN, m2={"group": "mysql-0,mysql-2"})
    going = gate.Going("data-mysql-2", "uid", "mysql-2", ALL, repair=True)
    assert {one.code for one in gate.reasons(now, going, {"mysql-0": ALL})} == {"no-majority"}


def test_a_member_that_still_recovers_does_not_carry_the_group_while_another_is_made_again() -> None:
    now = _knocking(OUTSIDE, ("mysql-0", "mysql-1"), INSIDE)
    going = gate.Going("data-mysql-2", "uid", "mysql-2", ALL, repair=True)
    (reason,) = gate.reasons(now, going, {"mysql-0": ALL})
    assert (reason.code, reason.hint) == (
        "no-majority",
        "wait until mysql-1 is ONLINE or has left the group, then run the same command again",
    )
    # The recovering one itself takes no vote away: it is the way out, if it never comes up.
    going = gate.Going("data-mysql-1", "uid", "mysql-1", ALL, repair=True)
    assert gate.reasons(now, going, {"mysql-0": ALL}) == []


def test_who_says_that_it_is_online_outside_the_group_that_the_primary_sees_carries_nothing() -> None:
    now = of_members(3, m0={"group": "mysql-0,mysql-2", "online": 3})
    assert [one.name for one in status.carriers(now, ["mysql-2"])] == ["mysql-0"]
    assert _ask(now) == {"no-majority"}
    assert isinstance(scale.plan(now, 2), actions.Wait)
    assert isinstance(scale.plan(of_members(3, m0={"online": 2}), 2), actions.Wait)


BARRED = group.Note(outcasts={"mysql-2": "uuid of mysql-2"}, shared={"mysql-2": f"{GROUP}:1-3"})


@pytest.mark.parametrize(
    ("note", "facts", "only"),
    [
        (group.Note(), {}, ""),
        (group.Note(outcasts=BARRED.outcasts), {}, ""),  # recover gave it up: the others count under another name
        (BARRED, {}, f"{GROUP}:4-5"),
        (BARRED, {"executed": f"{GROUP}:1-3"}, ""),
        (BARRED, {"executed": f"{GROUP}:1-7"}, f"{GROUP}:4-7"),
        (BARRED, {"server_uuid": "rebuilt"}, ""),
        (BARRED, {**DOWN, "executed": ""}, f"{GROUP}:4-5"),  # it may be that one, and was noted with 1-5
    ],
)
def test_what_was_in_a_group_that_does_not_count_is_nobody_elses(
    note: group.Note, facts: dict[str, Any], only: str
) -> None:
    """The group has passed those numbers: they stand for other transactions there."""
    claim = {"metadata": {"name": "data-mysql-2", "uid": "uid"}}
    now = of_members(3, m2={**OUTSIDE, **facts}, m0={"online": 2})
    going = gate.going(now, claim, ALL, note)
    found = gate.reasons(now, going, ANSWERS)
    assert [one.code for one in found] == ["only-copy"] * bool(only)
    assert not only or f"only mysql-2 (claim data-mysql-2) holds {only}: " in found[0].message
    assert not only or "other transactions under these numbers" in found[0].message
    assert gate.reasons(now, going, ANSWERS, accept_loss=True) == []


def test_without_an_answer_of_its_server_what_a_member_holds_is_unknown() -> None:
    now = of_members(3, m1={"received": f"{GROUP}:6-7"}, m2={**DOWN, "executed": ""})
    assert (now.members[2].executed, now.members[2].behind, now.members[2].missing) == (None, None, None)
    assert gate.held_by(now, "mysql-2") is None
    assert gate.held_by(now, "mysql-9") is None
    assert gate.held_by(now, "mysql-1") == gtid.GtidSet.parse(f"{GROUP}:1-7")
