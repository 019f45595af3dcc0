"""What a member has from a group that does not count: marked before it leaves, judged before it joins."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mysqlops.core import group, names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.planning import member_actions, membership, origin, standing
from tests.unit.core.test_group import (
    GROUP,
    LAST_VIEW,
    UP_TO_9,
    committed,
    in_group,
    online,
    order,
    peer,
    record,
    server,
)

FOREIGN = f"{GROUP}:1-10"
NOTED = replace(committed("7", read_at=5.0), version="1")
BEGAN = replace(NOTED, note=replace(NOTED.note, began_with=UP_TO_9))
ELSEWHERE = replace(BEGAN.note, elsewhere={"mysql-0": "u0"}, shared={"mysql-0": UP_TO_9})
MARKED = replace(BEGAN, note=ELSEWHERE)
LEADS = view.Peer("mysql-1", True, replace(peer(1, f"{GROUP}:1-20").publication, state=view.ONLINE), fresh=True)  # type: ignore[type-var]


def stray(held: str = FOREIGN, **more: object) -> view.ServerView:
    """mysql-0 in another group than the cluster's, which refuses clients."""
    return replace(online("8", 0, primary=0, me=0, offline_mode=True), executed=GtidSet.parse(held), **more)  # type: ignore[arg-type]


def outside(seen: view.GroupRecord, *peers: view.Peer, held: str = FOREIGN) -> member_actions.Action:
    around = view.Surroundings(3, peers, seen)
    return membership.plan(membership.Situation("mysql-0", server(0, held), around, seen))


def test_before_it_leaves_the_lease_says_that_it_was_elsewhere() -> None:
    """Its agent, its server or its pod may end right after that, and an event commit meanwhile."""
    for held in (UP_TO_9, FOREIGN):
        action = in_group(stray(held), BEGAN)
        assert isinstance(action, member_actions.NoteOrigin)
        assert (action.wanted, action.record) == (ELSEWHERE, BEGAN)
    assert isinstance(in_group(stray(offline_mode=False), BEGAN), member_actions.BlockClients), "first"
    assert isinstance(in_group(stray(UP_TO_9), MARKED), member_actions.Leave)
    same = replace(online("7", 0, primary=0, me=0, offline_mode=True), executed=GtidSet.parse(FOREIGN))
    assert isinstance(in_group(same, BEGAN), member_actions.AcceptClients)
    garbled = record(group.Note(garbled=True), holder="mysql-1", held_for_seconds=3.0, read_at=5.0)
    assert isinstance(in_group(stray(), garbled), member_actions.Leave), "it writes over nothing that it cannot read"


def test_who_has_something_from_a_foreign_group_bars_itself_before_it_leaves() -> None:
    """An event of a user wrote number 10 there; soon the cluster's group has passed that number."""
    action = in_group(stray(), MARKED)
    assert isinstance(action, member_actions.StayOut)
    assert f"only this group has {GROUP}:10" in action.why
    barred = action.wanted
    assert (barred.outcasts, barred.elsewhere, barred.members) == ({"mysql-0": "u0"}, {}, LAST_VIEW)
    assert barred.shared == {"mysql-0": UP_TO_9}, "what it holds beyond that is nobody else's"
    assert isinstance(in_group(stray(), replace(MARKED, note=barred)), member_actions.Leave)
    assert standing.outcast_because("mysql-0", server(0, held=FOREIGN), replace(MARKED, note=barred))


def test_where_an_older_agent_did_not_note_what_it_began_with_nobody_is_barred() -> None:
    assert isinstance(in_group(stray(), NOTED), member_actions.Leave)
    assert isinstance(outside(NOTED, LEADS), member_actions.Join)


def test_a_group_that_began_with_nothing_is_not_one_of_which_nothing_is_known() -> None:
    """A cluster may lose its power before anybody writes: then all that a member of another group has is from there."""
    note = group.forming(group.Note(members=LAST_VIEW), None, "mysql-1", "u1", "")
    assert group.note_of({names.ANNOTATION_GROUP: group.dump(note)}).began_with == ""
    assert group.note_of({names.ANNOTATION_GROUP: group.dump(group.Note(members=LAST_VIEW))}).began_with is None
    began = replace(NOTED, note=replace(NOTED.note, began_with=""))
    action = in_group(stray(), began)
    assert isinstance(action, member_actions.NoteOrigin)
    assert action.wanted.shared == {"mysql-0": ""}


def test_until_the_other_group_is_noted_it_waits_rather_than_leave() -> None:
    """Whoever took the Lease may die before it forms a group: then this one goes on, with all that it has."""
    note = group.Note(members=LAST_VIEW, began_with=UP_TO_9, elsewhere={"mysql-0": "u0"}, shared={"mysql-0": UP_TO_9})
    taken = record(note, holder="mysql-1", held_for_seconds=3.0, read_at=5.0)
    assert isinstance(in_group(stray(), taken), member_actions.Wait)
    died = replace(taken, held_for_seconds=99.0)
    wanted = standing.noted("mysql-0", stray(), died, 0.0)
    assert wanted is not None
    assert (wanted.elsewhere, wanted.shared) == ({}, {}), "it is the one that counts"
    assert isinstance(in_group(stray(), replace(died, note=wanted)), member_actions.AcceptClients)


def test_what_came_while_it_left_is_seen_before_it_joins() -> None:
    """The decision to leave was made before an event committed there; the agent has been started again since."""
    action = outside(MARKED, LEADS)
    assert isinstance(action, member_actions.StayOut)
    assert f"it has {GROUP}:10 from a group that does not count" in action.why
    assert isinstance(outside(MARKED, peer(1), peer(2)), member_actions.StayOut), "nor does it form the group"
    later = replace(MARKED, note=replace(ELSEWHERE, began_with=f"{GROUP}:1-20"))
    action = outside(later, LEADS)
    assert isinstance(action, member_actions.StayOut), "a later run began with another number 10"
    assert action.wanted.shared == {"mysql-0": UP_TO_9}


def test_who_has_nothing_from_there_is_free_of_the_mark_and_joins() -> None:
    action = outside(MARKED, LEADS, held=UP_TO_9)
    assert isinstance(action, member_actions.NoteOrigin)
    assert (action.wanted, action.record) == (BEGAN.note, MARKED)
    assert isinstance(outside(replace(BEGAN, note=action.wanted), LEADS, held=UP_TO_9), member_actions.Join)
    assert isinstance(outside(BEGAN, LEADS), member_actions.Join), "what it got in the group that counts"
    other = replace(ELSEWHERE, elsewhere={"mysql-0": "another"})
    assert isinstance(outside(replace(MARKED, note=other), LEADS), member_actions.Join), "another data directory's"


def test_while_no_group_is_noted_it_joins_none_and_may_form_one() -> None:
    open_ = replace(MARKED, acquired="11:00", holder="mysql-1", held_for_seconds=99.0)
    action = outside(open_, LEADS)
    assert isinstance(action, member_actions.Wait)
    assert "does not record the group yet" in action.why
    assert isinstance(outside(open_, peer(1), peer(2)), member_actions.FormGroup)
    formed = group.forming(ELSEWHERE, None, "mysql-0", "u0", FOREIGN)
    assert (formed.shared, formed.began_with) == ({"mysql-0": FOREIGN}, FOREIGN), "what is its own history from now on"


def noted(note: group.Note, leader: int) -> view.GroupRecord:
    """The group of that member alone counts now."""
    taken = record(note, holder=f"mysql-{leader}", acquired="11:00", read_at=5.0)
    wanted = standing.noted(f"mysql-{leader}", online("7", leader, primary=leader, me=leader), taken, 0.0)
    assert wanted is not None
    return replace(taken, note=wanted, version="2")


def test_who_forms_a_group_is_marked_with_the_write_that_takes_the_lease() -> None:
    """Its pod may be deleted, or its node lose its power or the API server, before its agent has seen that another
    group counts: nobody marks it then."""
    first = group.forming(group.Note(members=LAST_VIEW), None, "mysql-0", "u0", UP_TO_9)
    assert (first.elsewhere, first.shared) == ({"mysql-0": "u0"}, {"mysql-0": UP_TO_9})
    second = group.forming(first, None, "mysql-1", "u1", UP_TO_9)
    assert isinstance(outside(noted(second, 1), LEADS), member_actions.StayOut)
    assert isinstance(outside(noted(second, 1), LEADS, held=UP_TO_9), member_actions.NoteOrigin), "it has nothing more"
    assert noted(first, 0).note.elsewhere == {}, "its own group is the one that counts"


def test_a_former_that_slept_through_two_later_groups_shares_what_it_had_before_the_first() -> None:
    """Both later groups went beyond the number that an event wrote in its own: what the last one began with has it."""
    first = group.forming(group.Note(members=LAST_VIEW), None, "mysql-0", "u0", UP_TO_9)
    second = noted(group.forming(first, None, "mysql-1", "u1", UP_TO_9), 1)
    third = noted(group.forming(second.note, None, "mysql-1", "u1", f"{GROUP}:1-30"), 1)
    assert third.note.began_with == f"{GROUP}:1-30"
    still_in = in_group(stray(), third)
    assert isinstance(still_in, member_actions.StayOut)
    assert still_in.wanted.shared == {"mysql-0": UP_TO_9}
    assert isinstance(outside(third, LEADS), member_actions.StayOut)


def test_nobody_joins_a_group_before_the_lease_records_it() -> None:
    """Nobody knows before whether it counts, and whoever joins another one has no mark."""
    forming = group.forming(group.Note(members=LAST_VIEW), None, "mysql-1", "u1", UP_TO_9)
    taken = record(forming, holder="mysql-1", held_for_seconds=2.0, acquired="11:00")
    action = outside(taken, LEADS, held=UP_TO_9)
    assert isinstance(action, member_actions.Wait)
    assert "joins once the Lease records" in action.why
    assert isinstance(outside(noted(forming, 1), LEADS, held=UP_TO_9), member_actions.Join)
    of_older_agents = replace(taken, note=replace(forming, began_with=None, elsewhere={}, shared={}))
    assert isinstance(outside(of_older_agents, LEADS, held=UP_TO_9), member_actions.Join)


def test_nobody_joins_through_a_member_of_another_group_than_the_one_that_counts() -> None:
    def serves(number: int, incarnation: str) -> view.Peer:
        found = LEADS.publication
        assert found is not None
        return replace(LEADS, name=f"mysql-{number}", publication=replace(found, view_id=f"{incarnation}:2"))

    both = outside(NOTED, serves(1, "7"), serves(2, "8"), held=UP_TO_9)
    assert isinstance(both, member_actions.Join)
    assert both.seeds == ("mysql-1",)
    told = serves(2, "8").publication
    errant = replace(serves(2, "8"), publication=replace(told, executed=f"{GROUP}:1-40"))  # type: ignore[type-var]
    kept_out = outside(NOTED, serves(1, "7"), errant, held=f"{GROUP}:1-30")
    assert isinstance(kept_out, member_actions.Wait)
    assert f"errant transactions, which no member in the group has: {GROUP}:21-30" in kept_out.why
    alone = outside(NOTED, peer(1), serves(2, "8"), held=UP_TO_9)
    assert isinstance(alone, member_actions.Wait)
    assert "another one than the Lease records" in alone.why


def test_in_an_outage_the_numbers_of_another_group_do_not_count() -> None:
    """mysql-0 was in another group than the one that acknowledged number 10, and neither ran for long."""
    first = group.forming(group.Note(members=LAST_VIEW), None, "mysql-0", "u0", UP_TO_9)
    counts = noted(group.forming(first, None, "mysql-1", "u1", UP_TO_9), 1)
    unnoted = record(group.forming(counts.note, None, "mysql-1", "u1", FOREIGN), holder="mysql-1", acquired="12:00")

    def decides(number: int, held: str, seen: view.GroupRecord, *peers: view.Peer) -> member_actions.Action:
        around = view.Surroundings(3, peers, seen)
        return membership.plan(membership.Situation(f"mysql-{number}", server(number, held), around, seen))

    for more in (FOREIGN, f"{GROUP}:1-12"):  # as many as the others hold, or more
        for seen in (counts, unnoted):
            assert isinstance(decides(1, FOREIGN, seen, peer(0, more), peer(2)), member_actions.FormGroup)
            assert not isinstance(decides(0, more, seen, peer(1, FOREIGN), peer(2)), member_actions.FormGroup)
    never_noted = record(first, acquired="11:00")
    assert isinstance(decides(0, FOREIGN, never_noted, peer(1), peer(2)), member_actions.FormGroup), (
        "nobody has another"
    )
    assert isinstance(decides(1, UP_TO_9, never_noted, peer(0, FOREIGN), peer(2)), member_actions.Wait)


def test_a_barred_member_that_is_still_expected_does_not_hold_up_the_end_of_an_outage() -> None:
    """The primary had not executed all, so it stayed in the note; by its numbers it holds more than anybody else."""
    note = origin.staying_out("mysql-0", "u0", ELSEWHERE)
    assert "mysql-0" in note.expected()
    around = view.Surroundings(3, (peer(0, f"{GROUP}:1-12"), peer(2)), replace(MARKED, note=note, holder=""))
    action = membership.plan(membership.Situation("mysql-1", server(1, FOREIGN), around, around.record))
    assert isinstance(action, member_actions.FormGroup)


def test_who_joins_has_no_note_left_once_it_is_barred() -> None:
    note = group.Note(members={"mysql-1": "u1"}, joining={"mysql-0": "u0", "mysql-2": "u2"})
    assert origin.staying_out("mysql-0", "u0", note).joining == {"mysql-2": "u2"}
    assert origin.staying_out("mysql-0", "u9", note).joining == note.joining, "another data directory's"


def test_what_such_a_member_shares_is_known_as_long_as_it_is_marked_or_barred() -> None:
    barred = origin.staying_out("mysql-0", "u0", ELSEWHERE)
    for note in (ELSEWHERE, barred):
        assert note.shared_with("mysql-0", "u0") == note.shared_with("mysql-0", None) == GtidSet.parse(UP_TO_9)
        assert note.shared_with("mysql-0", "rebuilt") is note.shared_with("mysql-1", "u1") is None
        later = replace(NOTED, note=replace(note, began_with=f"{GROUP}:1-20"))
        kept = standing.noted("mysql-1", online("7", 1, 2, primary=1, me=1), later, 0.0)
        assert kept is not None
        assert kept.shared == {"mysql-0": UP_TO_9}
        inside = standing.noted("mysql-1", online("7", 0, 1, 2, primary=1, me=1), later, 0.0)
        assert inside is not None
        assert (inside.shared, inside.elsewhere, inside.outcasts) == ({}, {}, {})
    assert origin.staying_out("mysql-0", "another", barred).shared == {}
    given_up = group.forming(barred, order("mysql-2"), "mysql-1", "u1")
    assert (given_up.shared, set(given_up.outcasts)) == (
        {"mysql-0": UP_TO_9, "mysql-1": ""},
        {"mysql-0", "mysql-2"},
    )
    given_up = group.forming(ELSEWHERE, order("mysql-0"), "mysql-1", "u1")
    assert (given_up.shared["mysql-0"], given_up.outcasts) == (UP_TO_9, {"mysql-0": "u0"})


def test_once_a_barred_member_is_taken_back_the_others_hold_other_transactions() -> None:
    note = origin.staying_out("mysql-0", "u0", ELSEWHERE)
    note = replace(
        note, outcasts={**note.outcasts, "mysql-3": "u3"}, shared={**note.shared, "mysql-3": f"{GROUP}:5-20"}
    )
    back = group.GoOnWithout({"mysql-1": "u1", "mysql-2": "u2"}, "another", "10:00", back={"mysql-0": "u0"})
    after = group.forming(note, back, "mysql-0", "u0", FOREIGN)
    shared = {"mysql-1": UP_TO_9, "mysql-2": UP_TO_9, "mysql-3": f"{GROUP}:5-9"}
    assert after.shared == {**shared, "mysql-0": FOREIGN}


@pytest.mark.parametrize(
    ("shared", "common"),
    [
        ({"mysql-0": UP_TO_9, "mysql-1": f"{GROUP}:1-7"}, f"{GROUP}:1-7"),  # of two groups that did not count
        ({"mysql-0": UP_TO_9}, UP_TO_9),  # the other was given up by a user, with numbers of the history
        ({"mysql-1": f"{GROUP}:1-7"}, f"{GROUP}:1-7"),
    ],
)
def test_two_outcasts_that_are_taken_back_together_may_differ_under_the_same_numbers(
    shared: dict[str, str], common: str
) -> None:
    """One of them forms the group; the other joins only if it has nothing of its own."""
    note = group.Note(members={"mysql-2": "u2"}, outcasts={"mysql-0": "u0", "mysql-1": "u1"}, shared=shared)
    both = group.GoOnWithout({"mysql-2": "u2"}, "another", "10:00", back={"mysql-0": "u0", "mysql-1": "u1"})
    after = noted(group.forming(note, both, "mysql-0", "u0", FOREIGN), 0)
    assert after.note.elsewhere == {"mysql-1": "u1"}
    assert after.note.shared["mysql-1"] == common
    leads = replace(LEADS, name="mysql-0")
    around = view.Surroundings(3, (leads,), after)
    for held, does in ((FOREIGN, member_actions.StayOut), (f"{GROUP}:1-7", member_actions.NoteOrigin)):
        action = membership.plan(membership.Situation("mysql-1", server(1, held), around, after))
        assert isinstance(action, does)


def test_whose_history_returns_is_not_decided_by_the_numbers_of_a_group_that_did_not_count() -> None:
    """A user gave up mysql-1, which has 10 to 12 of the history; mysql-0 has more numbers, from another group."""
    note = group.Note(
        members={"mysql-2": "u2"}, outcasts={"mysql-0": "u0", "mysql-1": "u1"}, shared={"mysql-0": UP_TO_9}
    )
    both = group.GoOnWithout({"mysql-2": "u2"}, "another", "10:00", back={"mysql-0": "u0", "mysql-1": "u1"})
    seen = record(note, order=both)
    own, other = f"{GROUP}:1-12", f"{GROUP}:1-15"
    around = view.Surroundings(3, (peer(0, other),), seen)
    assert isinstance(
        membership.plan(membership.Situation("mysql-1", server(1, own), around, seen)), member_actions.FormGroup
    )
    around = view.Surroundings(3, (peer(1, own),), seen)
    assert isinstance(
        membership.plan(membership.Situation("mysql-0", server(0, other), around, seen)), member_actions.Wait
    )


@pytest.mark.parametrize("garbage", [{"mysql-0": 5}, {"mysql-0": "x"}, [], 5, {"x": ""}])
def test_a_note_in_which_anybody_wrote_what_is_shared_cannot_be_read(garbage: object) -> None:
    written = {"members": {"mysql-0": "u0"}, "shared": garbage}
    assert group.note_of({names.ANNOTATION_GROUP: json.dumps(written)}) == group.Note(garbled=True)
    text = json.dumps({**written, "group": "g", "after": "10:00", "began_with": 5})
    assert group.order_of({names.ANNOTATION_GIVEN_UP: text}, "10:00") is not None, "these are no keys of an order"
