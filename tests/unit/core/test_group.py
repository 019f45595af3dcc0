"""One history has one name and one group: what the Lease notes, and what members make of it (S1, S2, S6, S11,
S12, U1, U3, U5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mysqlops.core import group, names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.core.publication import Publication
from mysqlops.planning import member_actions, membership, standing

GROUP = "11111111-1111-1111-1111-111111111111"
UP_TO_9 = f"{GROUP}:1-9"
LAST_VIEW = {"mysql-0": "u0", "mysql-1": "u1", "mysql-2": "u2"}


def server(number: int, held: str = UP_TO_9, **more: object) -> view.ServerView:
    return replace(view.ServerView(f"u{number}", "9.7.4", GtidSet.parse(held)), **more)  # type: ignore[arg-type]


def peer(number: int, held: str = UP_TO_9, uuid: str = "") -> view.Peer:
    """One that is outside any group, and says so now."""
    told = Publication(
        "pod", "", 1, "1", server_uuid=uuid or f"u{number}", state=view.OFFLINE, executed=held, held=held
    )
    return view.Peer(f"mysql-{number}", True, told, fresh=True)


def record(note: group.Note | None = None, **more: object) -> view.GroupRecord:
    made = view.GroupRecord("mysql-0", "mysql-0", 900.0, acquired="10:00", note=note or group.Note(members=LAST_VIEW))
    return replace(made, **more)  # type: ignore[arg-type]


def outage(own: view.ServerView, *peers: view.Peer, seen: view.GroupRecord, replicas: int = 3) -> member_actions.Action:
    name = f"mysql-{own.server_uuid[1:2]}"
    around = view.Surroundings(replicas, peers, seen)
    return membership.plan(membership.Situation(name, own, around, seen))


def online(incarnation: str, *numbers: int, primary: int, me: int, **more: object) -> view.ServerView:
    members = tuple(
        view.GroupMember(f"u{n}", f"mysql-{n}.mysql.db.svc", view.ONLINE, "primary" if n == primary else "replica")
        for n in numbers
    )
    seen = server(
        me, state=view.ONLINE, members=members, view_id=f"{incarnation}:{len(numbers)}", writable=me == primary
    )
    return replace(seen, **more)  # type: ignore[arg-type]


# --- S1: what an agent that died has left on


@pytest.mark.parametrize("state", [view.OFFLINE, view.ONLINE, view.ERROR])
def test_a_bootstrap_flag_that_was_left_on_is_cleared_before_anything_else(state: str) -> None:
    left = server(0, state=state, bootstraps=True)
    assert isinstance(outage(left, peer(1), peer(2), seen=record()), member_actions.ClearBootstrap)


def test_what_an_action_that_runs_has_set_is_its_own_to_undo() -> None:
    forming = server(0, bootstraps=True)
    around = view.Surroundings(3, (peer(1), peer(2)), record())
    busy = membership.Situation("mysql-0", forming, around, record(), is_busy=True)
    assert not isinstance(membership.plan(busy), member_actions.ClearBootstrap)


# --- S11, U3, U5: who is expected


def test_an_outage_is_over_when_every_member_of_the_last_view_is_there_with_its_data() -> None:
    assert isinstance(outage(server(0), peer(1), peer(2), seen=record()), member_actions.FormGroup)


def test_fewer_replicas_make_nobody_less_expected() -> None:
    last_alone = record(group.Note(members={"mysql-2": "u2"}))
    action = outage(server(0), seen=last_alone, replicas=1)
    assert isinstance(action, member_actions.Wait)
    assert "mysql-2" in action.why
    five = record(group.Note(members={**LAST_VIEW, "mysql-3": "u3"}))
    assert isinstance(outage(server(0), peer(1), peer(2), seen=five), member_actions.Wait)


def test_who_was_joining_may_have_been_in_and_is_expected_too() -> None:
    joined = record(group.Note(members={"mysql-0": "u0"}, joining={"mysql-1": "u1"}))
    assert isinstance(outage(server(0), peer(2), seen=joined), member_actions.Wait)
    assert isinstance(outage(server(0), peer(1), seen=joined), member_actions.FormGroup)


def test_an_empty_volume_in_a_members_pod_is_not_that_member() -> None:
    action = outage(server(0), peer(1), peer(2, "", uuid="new"), seen=record())
    assert isinstance(action, member_actions.Wait)
    assert "mysql-2 has a different data directory" in action.why


def test_who_left_the_group_before_the_outage_is_not_waited_for() -> None:
    two = record(group.Note(members={"mysql-0": "u0", "mysql-1": "u1"}))
    assert isinstance(outage(server(0), peer(1), seen=two), member_actions.FormGroup)


def test_without_a_note_every_wanted_member_is_expected() -> None:
    assert isinstance(outage(server(0), peer(1), seen=record(group.Note())), member_actions.Wait)
    assert isinstance(outage(server(0), peer(1), peer(2), seen=record(group.Note())), member_actions.FormGroup)


def test_who_joined_a_group_of_older_agents_is_not_the_only_one_expected() -> None:
    """In the middle of an upgrade: no primary has noted a view yet."""
    half = record(group.Note(joining={"mysql-0": "u0"}))
    assert isinstance(outage(server(0), seen=half), member_actions.Wait)
    assert isinstance(outage(server(0), peer(1), seen=half), member_actions.Wait)
    assert isinstance(outage(server(0), peer(1), peer(2), seen=half), member_actions.FormGroup)


# --- S2, S6, S12: members that were given up


def order(*pods: str, after: str = "10:00", named: bool = False) -> group.GoOnWithout:
    members = {pod: LAST_VIEW[pod] for pod in pods}
    return group.GoOnWithout(members, "the-new-name", after, named=members if named else {})


def test_an_order_is_of_one_outage() -> None:
    text = {names.ANNOTATION_GIVEN_UP: group.dump(order("mysql-2"))}
    named = order("mysql-2", named=True)
    assert group.order_of({names.ANNOTATION_GIVEN_UP: group.dump(named)}, "10:00") == named
    assert group.order_of(text, "10:00") == order("mysql-2")
    assert group.order_of(text, "11:00") is None, "a group was formed since"


def test_whom_the_order_names_is_not_waited_for_and_stays_out() -> None:
    ordered = record(order=order("mysql-2"))
    assert isinstance(outage(server(0), peer(1), seen=ordered), member_actions.FormGroup)
    assert isinstance(outage(server(2), peer(0), peer(1), seen=ordered), member_actions.Wait)


def test_a_diverged_member_that_is_given_up_is_no_longer_in_the_way() -> None:
    strayed = peer(2, f"{GROUP}:1-5:20-25")
    assert isinstance(outage(server(0), peer(1), strayed, seen=record()), member_actions.Wait)
    assert isinstance(
        outage(server(0), peer(1), strayed, seen=record(order=order("mysql-2"))), member_actions.FormGroup
    )


def test_a_member_that_was_missing_and_is_back_with_its_data_ends_the_order() -> None:
    ordered = record(order=order("mysql-0"))
    behind = f"{GROUP}:1-5"
    action = outage(server(0), peer(1, behind), peer(2, behind), seen=ordered)
    assert isinstance(action, member_actions.FormGroup)
    assert action.record.order is None, "it forms the group under the name that it has"
    for own, other in ((1, 2), (2, 1)):
        waits = outage(server(own, behind), peer(0), peer(other, behind), seen=ordered)
        assert isinstance(waits, member_actions.Wait)
        assert "mysql-0 holds all transactions" in waits.why


def test_recent_last_words_of_a_member_that_was_given_up_are_no_group_to_join() -> None:
    told = Publication("pod", "", 1, "1", server_uuid="u0", state=view.ONLINE, role="primary", executed=UP_TO_9)
    dead = view.Peer("mysql-0", True, told, fresh=False, seems_alive=True)
    assert isinstance(outage(server(1), dead, peer(2), seen=record()), member_actions.Join)
    ordered = record(order=order("mysql-0"))
    assert isinstance(outage(server(1), dead, peer(2), seen=ordered), member_actions.FormGroup)
    runs = replace(dead, fresh=True)
    assert isinstance(outage(server(1), runs, peer(2), seen=ordered), member_actions.Join)


def test_what_is_left_of_an_order_names_only_those_that_are_still_missing() -> None:
    action = outage(server(0), peer(1, f"{GROUP}:1-5"), seen=record(order=order("mysql-0", "mysql-2")))
    assert isinstance(action, member_actions.FormGroup)
    assert action.record.order == order("mysql-2")


@pytest.mark.parametrize("named", [True, False])
def test_whom_a_user_named_or_who_came_back_diverged_or_empty_stays_out(named: bool) -> None:
    ordered = record(order=order("mysql-0", named=named))
    held = UP_TO_9 if named else f"{GROUP}:1-8:20"
    action = outage(server(1), peer(0, held), peer(2), seen=ordered)
    assert isinstance(action, member_actions.FormGroup)
    assert action.record.order == ordered.order
    assert outage(server(0, held), peer(1), peer(2), seen=ordered) == member_actions.Wait(standing.GIVEN_UP)
    assert isinstance(outage(server(1), peer(0, "", uuid="new"), peer(2), seen=ordered), member_actions.FormGroup)


def test_who_is_given_up_does_not_join_while_the_order_stands() -> None:
    told = Publication("pod", "", 1, "1", server_uuid="u1", state=view.ONLINE, role="primary", executed=UP_TO_9)
    running = view.Peer("mysql-1", True, told, fresh=True)
    action = outage(server(0), running, seen=record(order=order("mysql-0")))
    assert action == member_actions.Wait(standing.GIVEN_UP)


def test_only_silent_members_are_asked_whether_they_are_a_group_that_runs() -> None:
    ordered = record(order=order("mysql-1", "mysql-2"))
    action = outage(server(0), peer(1), seen=ordered)
    assert isinstance(action, member_actions.FormGroup)
    assert action.ask == ("mysql-2",)


def test_the_history_goes_on_under_another_name_and_the_order_is_obeyed_in_the_same_note() -> None:
    before = group.Note(name="old", incarnation="7", acquired="09:00", members=LAST_VIEW)
    after = group.forming(before, order("mysql-2"), "mysql-0", "u0")
    assert (after.name, after.parent, after.incarnation) == ("the-new-name", "old", "")
    assert after.outcasts == {"mysql-2": "u2"}
    assert set(after.expected()) == {"mysql-0", "mysql-1"}
    assert group.forming(before, None, "mysql-0", "u0").name == "old"


def test_an_outcast_never_joins_by_itself_and_its_rebuilt_pod_does() -> None:
    seen = record(group.Note(members={"mysql-0": "u0"}, outcasts={"mysql-2": "u2"}))
    told = Publication("pod", "", 1, "1", server_uuid="u0", state=view.ONLINE, role="primary", executed=UP_TO_9)
    running = view.Peer("mysql-0", True, told, fresh=True)
    action = outage(server(2, f"{GROUP}:1-5"), running, seen=seen)
    assert isinstance(action, member_actions.Wait)
    assert "member rebuild" in action.why
    rebuilt = replace(server(2, ""), server_uuid="u2-rebuilt")
    assert isinstance(outage(rebuilt, running, seen=seen), member_actions.Join)


def test_an_outcast_whose_data_directory_nobody_knew_is_barred_while_it_holds_data() -> None:
    note = group.Note(outcasts={"mysql-2": ""})
    assert note.casts_out("mysql-2", "any", holds_data=True)
    assert not note.casts_out("mysql-2", "any", holds_data=False)


# --- U1: one incarnation is the cluster's


def committed(incarnation: str, **more: object) -> view.GroupRecord:
    note = group.Note(incarnation=incarnation, acquired="10:00", members=LAST_VIEW)
    return record(note, **more)


def in_group(own: view.ServerView, seen: view.GroupRecord | None, since: float = 0.0) -> member_actions.Action:
    name = f"mysql-{own.server_uuid[1:]}"
    return membership.plan(membership.Situation(name, own, record=seen, since=since))


def test_a_member_of_another_incarnation_refuses_clients_and_then_leaves() -> None:
    own = online("8", 0, primary=0, me=0)
    seen = committed("7", read_at=5.0)
    assert isinstance(in_group(own, seen), member_actions.BlockClients)
    assert isinstance(in_group(replace(own, offline_mode=True), seen), member_actions.Leave)
    situation = membership.Situation("mysql-0", own, record=seen)
    assert situation.blocked_because(), "its role must not be published as primary"


def test_what_the_lease_said_before_the_member_was_in_its_group_is_no_evidence() -> None:
    own = online("8", 0, primary=0, me=0)
    assert isinstance(in_group(own, committed("7", read_at=5.0), since=6.0), member_actions.Serve)
    blocked = replace(own, offline_mode=True)
    assert isinstance(in_group(blocked, committed("7", read_at=5.0), since=6.0), member_actions.Wait)


def test_who_formed_the_group_lets_nobody_in_before_the_lease_notes_it() -> None:
    own = online("8", 0, primary=0, me=0, offline_mode=True)
    taken = record(group.Note(incarnation="7", acquired="09:00", members=LAST_VIEW), read_at=5.0)
    assert isinstance(in_group(own, taken), member_actions.Wait)
    wanted = standing.noted("mysql-0", own, taken, 0.0)
    assert wanted is not None
    assert (wanted.incarnation, wanted.acquired, wanted.members) == ("8", "10:00", {"mysql-0": "u0"})
    assert isinstance(in_group(own, record(wanted, read_at=6.0)), member_actions.AcceptClients)


def test_a_replica_of_a_group_that_is_not_noted_yet_lets_nobody_in_either() -> None:
    """If that group turns out not to count, readers have seen what is not in the history."""
    note = group.Note(incarnation="", members=LAST_VIEW, joining={"mysql-0": "u0", "mysql-1": "u1"})
    taken = record(note, read_at=5.0)
    replica = online("8", 0, 1, primary=0, me=1, offline_mode=True)
    action = in_group(replica, taken)
    assert isinstance(action, member_actions.Wait)
    assert "until the Lease records" in action.why
    noted = replace(taken, note=replace(note, incarnation="8", acquired="10:00"))
    assert isinstance(in_group(replica, noted), member_actions.AcceptClients)


def test_where_the_primary_s_agent_is_from_before_notes_a_replica_waits_for_none() -> None:
    """It would stay out until the end of the upgrade. Such an agent does not note that its member joins."""
    for joining in ({"mysql-1": "u1"}, {"mysql-0": "another", "mysql-1": "u1"}):
        seen = record(group.Note(joining=joining), read_at=5.0)
        replica = online("8", 0, 1, primary=0, me=1, offline_mode=True)
        assert isinstance(in_group(replica, seen), member_actions.AcceptClients)


def test_a_former_that_thaws_after_another_took_the_lease_leaves_its_own_group() -> None:
    own = online("8", 0, primary=0, me=0, offline_mode=True)
    other = record(holder="mysql-1", held_for_seconds=3.0, read_at=5.0)
    assert isinstance(in_group(own, other), member_actions.Leave)
    assert standing.noted("mysql-0", own, other, 0.0) is None
    died = record(holder="mysql-1", held_for_seconds=99.0, read_at=5.0)
    assert standing.noted("mysql-0", own, died, 0.0) is not None


def test_a_group_that_older_agents_formed_is_taken_for_the_clusters_and_noted_by_its_primary() -> None:
    old = record(group.Note(), holder="mysql-1", read_at=5.0)
    assert isinstance(in_group(online("3", 0, 1, 2, primary=0, me=0), old), member_actions.Serve)
    wanted = standing.noted("mysql-0", online("3", 0, 1, 2, primary=0, me=0), old, 0.0)
    assert wanted is not None
    assert wanted.members == LAST_VIEW
    assert standing.noted("mysql-1", online("3", 0, 1, 2, primary=0, me=1), old, 0.0) is None, "not the primary"


# --- the note follows the view, and whoever joins is never left out


def test_the_note_follows_the_view() -> None:
    seen = committed("7", read_at=5.0)
    assert standing.noted("mysql-0", online("7", 0, 1, 2, primary=0, me=0), seen, 0.0) is None, "nothing to change"
    left = standing.noted("mysql-0", online("7", 0, 1, primary=0, me=0), seen, 0.0)
    assert left is not None
    assert set(left.members) == {"mysql-0", "mysql-1"}


@pytest.mark.parametrize("early", [{"writable": False}, {"received": GtidSet.parse(f"{GROUP}:1-600"), "behind": 591}])
def test_who_left_stays_noted_until_the_primary_has_executed_all_that_it_received(early: dict[str, object]) -> None:
    """A power failure takes what only a relay log holds: the disk of the primary that acknowledged it is needed."""
    seen = committed("7", read_at=5.0)
    own = online("7", 1, 2, primary=1, me=1)
    assert standing.noted("mysql-1", replace(own, **early), seen, 0.0) is None  # type: ignore[arg-type]
    settled = standing.noted("mysql-1", own, seen, 0.0)
    assert settled is not None
    assert set(settled.members) == {"mysql-1", "mysql-2"}


def test_meanwhile_a_rebuilt_pod_is_noted_in_its_own_place_and_a_joining_one_too() -> None:
    seen = committed("7", read_at=5.0)
    own = replace(online("7", 1, 2, primary=1, me=1), writable=False)
    rebuilt = view.GroupMember("u0-new", "mysql-0.mysql.db.svc", view.RECOVERING, "replica")
    wanted = standing.noted("mysql-1", replace(own, members=(*own.members, rebuilt)), seen, 0.0)
    assert wanted is not None
    assert wanted.members == {**LAST_VIEW, "mysql-0": "u0-new"}
    joins = replace(seen, note=replace(seen.note, joining={"mysql-0": "u0-new"}))
    assert standing.noted("mysql-1", own, joins, 0.0) is None, "it is not in the view yet"


def joined(number: int, note: group.Note, uuid: str = "", *, holds_data: bool = True) -> group.Note:
    return standing.joining(f"mysql-{number}", uuid or f"u{number}", note, holds_data=holds_data)


def test_who_is_joining_stays_noted_until_it_is_seen_in_the_group() -> None:
    before = group.Note(incarnation="7", acquired="10:00", members={"mysql-0": "u0"})
    joining = joined(1, before)
    assert joined(1, joining).joins > joining.joins, "whoever decided on the note before must read it again"
    not_yet = standing.noted("mysql-0", online("7", 0, primary=0, me=0), record(joining, read_at=5.0), 0.0)
    assert not_yet is None
    seen = standing.noted("mysql-0", online("7", 0, 1, primary=0, me=0), record(joining, read_at=5.0), 0.0)
    assert seen is not None
    assert (seen.joining, set(seen.members)) == ({}, {"mysql-0", "mysql-1"})


@pytest.mark.parametrize("joins", ["", "x", "²", "9" * 5000])
def test_no_text_in_the_lease_keeps_a_member_from_joining(joins: str) -> None:
    """Python reads no number of more than 4300 digits."""
    assert joined(1, group.Note(joins=joins)).joins == "1"


def test_an_empty_data_directory_does_not_take_a_member_out_of_the_note() -> None:
    """It tries to join by old words of members that are gone: no group runs that let the old one go."""
    joining = joined(2, group.Note(incarnation="7", acquired="10:00", members=LAST_VIEW), "u2-new", holds_data=False)
    assert joining.expected() == LAST_VIEW
    action = outage(server(0), peer(1), peer(2, "", uuid="u2-new"), seen=record(joining))
    assert isinstance(action, member_actions.Wait)


def test_the_primary_notes_a_rebuilt_pod_that_it_sees() -> None:
    outcast = group.Note(incarnation="7", acquired="10:00", members={"mysql-0": "u0"}, outcasts={"mysql-2": "u2"})
    own = online("7", 0, primary=0, me=0)
    rebuilt = view.GroupMember("u2-new", "mysql-2.mysql.db.svc", view.ONLINE, "replica")
    wanted = standing.noted("mysql-0", replace(own, members=(*own.members, rebuilt)), record(outcast, read_at=5.0), 0.0)
    assert wanted is not None
    assert (wanted.outcasts, wanted.members["mysql-2"]) == ({}, "u2-new")


# --- what a second reading found


def test_a_former_that_thaws_does_not_note_its_group_over_the_one_that_counts() -> None:
    """It read the Lease after the other group was noted, and before it saw its own: the Lease has not changed since."""
    other = group.Note(incarnation="8", acquired="10:00", members={"mysql-1": "u1"}, outcasts={"mysql-0": "u0"})
    own = online("7", 0, primary=0, me=0, offline_mode=True)
    assert standing.noted("mysql-0", own, record(other, holder="mysql-1", read_at=5.0), since=6.0) is None


def test_who_is_in_the_noted_view_is_no_outcast() -> None:
    seen = committed("7", read_at=5.0)
    seen = replace(seen, note=replace(seen.note, outcasts={"mysql-1": "u1"}))
    wanted = standing.noted("mysql-0", online("7", 0, 1, 2, primary=0, me=0), seen, 0.0)
    assert wanted is not None
    assert wanted.outcasts == {}


def test_an_order_that_a_group_made_pointless_is_a_reason_to_write_the_note() -> None:
    seen = committed("7", read_at=5.0, order=order("mysql-2"))
    assert standing.noted("mysql-0", online("7", 0, 1, 2, primary=0, me=0), seen, 0.0) is not None


def test_an_order_that_is_obeyed_by_a_member_outside_the_note_leaves_it_expected() -> None:
    before = group.Note(members={"mysql-0": "u0", "mysql-1": "u1"})
    after = group.forming(before, order("mysql-0", "mysql-1"), "mysql-2", "u2")
    assert after.expected() == {"mysql-2": "u2"}
    assert isinstance(outage(server(2), peer(0), peer(1), seen=record(after)), member_actions.FormGroup)


def test_once_somebody_is_given_up_members_that_had_left_before_count_too() -> None:
    """Found by the simulator (down, seed 4004): mysql-1 had left, and it alone held what mysql-2 had acknowledged."""
    last = group.Note(members={"mysql-2": "u2"}, joining={"mysql-0": "u0"})
    ordered = record(last, order=order("mysql-2"))
    action = outage(server(0, f"{GROUP}:1-5"), seen=ordered)
    assert isinstance(action, member_actions.Wait)
    assert "mysql-1" in action.why
    behind = outage(server(0, f"{GROUP}:1-5"), peer(1), seen=ordered)
    assert isinstance(behind, member_actions.Wait)
    assert isinstance(outage(server(1), peer(0, f"{GROUP}:1-5"), seen=ordered), member_actions.FormGroup)


def test_outcasts_of_a_group_without_a_note_are_not_wanted() -> None:
    note = group.Note(outcasts={"mysql-2": "u2"})
    assert isinstance(outage(server(0), peer(1), seen=record(note)), member_actions.FormGroup)


def test_an_empty_member_of_a_pod_that_was_given_up_unknown_copies_and_stays() -> None:
    given_up = group.Note(members={"mysql-0": "u0"}, outcasts={"mysql-2": ""})
    joining = joined(2, given_up, "new", holds_data=False)
    assert not joining.casts_out("mysql-2", "new", holds_data=True)
    assert joined(2, given_up, "u2", holds_data=True).outcasts == {"mysql-2": ""}


def test_a_member_outside_the_last_view_that_holds_more_of_the_group_is_not_passed_over() -> None:
    """An older agent's note may have dropped it before anybody had its writes on a disk."""
    two = record(group.Note(members={"mysql-0": "u0", "mysql-1": "u1"}))
    more = peer(2, f"{GROUP}:1-12")
    for own, other in ((0, 1), (1, 0)):
        action = outage(server(own), peer(other), more, seen=two)
        assert isinstance(action, member_actions.Wait)
        assert f"only mysql-2, which had left the last one, holds {GROUP}:10-12" in action.why
        assert "mysqlops recover" in action.why
    outcast = replace(two, note=replace(two.note, outcasts={"mysql-2": "u2"}))
    assert isinstance(outage(server(0), peer(1), more, seen=outcast), member_actions.FormGroup)
    given_up = record(two.note, order=order("mysql-2", named=True))
    assert isinstance(outage(server(0), peer(1), more, seen=given_up), member_actions.FormGroup)


def test_what_a_member_outside_the_last_view_wrote_on_its_own_keeps_nobody_waiting() -> None:
    own = "33333333-3333-3333-3333-333333333333"
    two = record(group.Note(members={"mysql-0": "u0", "mysql-1": "u1"}))
    errant = peer(2, f"{GROUP}:1-5,{own}:1-3", uuid=own)
    assert isinstance(outage(server(0), peer(1), errant, seen=two), member_actions.FormGroup)


def test_a_holder_without_room_or_that_fails_lets_an_equal_one_go_first() -> None:
    full = Publication("pod", "", 1, "1", server_uuid="u0", state=view.OFFLINE, executed=UP_TO_9)
    failing = replace(full, tries=9)
    full = replace(full, volume_size=1 << 30, volume_used=1 << 30)
    for told in (full, failing):
        hindered = view.Peer("mysql-0", True, told, fresh=True)
        assert isinstance(outage(server(1), hindered, peer(2), seen=record()), member_actions.FormGroup)
    tired = membership.Situation("mysql-0", server(0), view.Surroundings(3, (peer(1), peer(2)), record()), tries=9)
    assert isinstance(membership.plan(tired), member_actions.Wait)


def test_a_noted_member_beyond_the_replicas_may_form() -> None:
    four = record(group.Note(members={**LAST_VIEW, "mysql-3": "u3"}))
    others = [peer(number, f"{GROUP}:1-5") for number in range(3)]
    assert isinstance(outage(server(3), *others, seen=four), member_actions.FormGroup)


def test_a_lease_with_a_note_is_not_a_new_clusters() -> None:
    seen = record(group.Note(joining={"mysql-1": "u1"}), bootstrapped_by=None)
    assert not isinstance(
        outage(server(0, ""), peer(1, ""), peer(2, ""), seen=seen, replicas=5), member_actions.FormGroup
    )


def test_who_noted_that_it_joins_and_was_scaled_away_is_dropped_by_the_primary() -> None:
    note = group.Note(incarnation="7", acquired="10:00", members={"mysql-0": "u0"}, joining={"mysql-4": "u4"})
    own, seen = online("7", 0, primary=0, me=0), record(note, read_at=5.0)
    wanted = standing.without_joining(["mysql-4"], own, seen)
    assert wanted is not None
    assert wanted.joining == {}
    assert standing.without_joining([], own, seen) is None
    assert standing.without_joining(["mysql-4"], online("8", 0, primary=0, me=0), seen) is None, "not the noted group"


@pytest.mark.parametrize("early", [{"writable": False}, {"received": GtidSet.parse(f"{GROUP}:1-600"), "behind": 591}])
def test_not_before_the_primary_has_executed_all_that_it_received(early: dict[str, object]) -> None:
    """It may have got in, led and acknowledged before anybody noted that, and only its disk have it for sure."""
    note = group.Note(incarnation="7", acquired="10:00", members={"mysql-0": "u0"}, joining={"mysql-4": "u4"})
    own, seen = replace(online("7", 0, primary=0, me=0), **early), record(note, read_at=5.0)  # type: ignore[arg-type]
    assert standing.without_joining(["mysql-4"], own, seen) is None
    wanted = standing.noted("mysql-0", own, replace(seen, leaving={"mysql-4": "u4"}), 0.0)
    assert wanted is None, "nor if a command is about to delete its data"


@pytest.mark.parametrize("text", ["7", "[]", '{"members":7}', '{"members":{"x/../y":"u"}}', '{"name":{"a":"b"}}', "{"])
def test_a_note_that_cannot_be_read_is_not_an_empty_one(text: str) -> None:
    note = group.note_of({names.ANNOTATION_GROUP: text})
    assert note.garbled
    action = outage(server(0), peer(1), peer(2), seen=record(note))
    assert isinstance(action, member_actions.Wait)
    corrected = standing.noted("mysql-0", online("7", 0, primary=0, me=0), record(note, read_at=5.0), 0.0)
    assert corrected is not None
    assert not corrected.garbled


def test_what_the_group_began_with_is_a_gtid_set_or_the_note_cannot_be_read() -> None:
    note = group.forming(group.Note(members=LAST_VIEW, began_with="old"), None, "mysql-0", "u0", UP_TO_9)
    assert note.began_with == UP_TO_9
    assert group.note_of({names.ANNOTATION_GROUP: group.dump(note)}) == note
    assert group.note_of({names.ANNOTATION_GROUP: group.dump(replace(note, began_with="none"))}).garbled


def test_notes_are_read_as_they_were_written() -> None:
    note = group.Note("name", "parent", "7", "10:00", LAST_VIEW, {"mysql-3": "u3"}, "3", {"mysql-4": ""})
    assert group.note_of({names.ANNOTATION_GROUP: group.dump(note)}) == note
    assert group.note_of({}) == group.Note()


def test_what_was_received_and_the_group_does_not_have_is_errant_too() -> None:
    """Since the relay log survives a restart (docs/adr/0025), Group Replication would refuse it, and not say what."""
    told = Publication("pod", "", 1, "1", server_uuid="u1", state=view.ONLINE, role="primary", executed=UP_TO_9)
    own = server(0, received=GtidSet.parse(f"{GROUP}:1-12"))
    action = outage(own, view.Peer("mysql-1", True, told, fresh=True), seen=record())
    assert isinstance(action, member_actions.Wait)
    assert f"{GROUP}:10-12" in action.why


# --- a Lease from the past


LATER = group.Note(incarnation="8", acquired="11:00", members=LAST_VIEW, joins="9", began_with=UP_TO_9)
PAST = replace(LATER, incarnation="7", acquired="10:00", joins="6", began_with=f"{GROUP}:1-4")


def _remembers(at: float = 10.0, **more: object) -> standing.Present:
    """The agent of mysql-0, which has seen the Lease record its group."""
    own = online("8", 0, 1, 2, primary=0, me=0)
    first = standing.Present().look(own, 1.0, None)
    return first.look(own, at, record(LATER, acquired="11:00", read_at=at - 0.5, **more))


def _planned(own: view.ServerView, seen: view.GroupRecord, present: standing.Present) -> member_actions.Action:
    name = f"mysql-{own.server_uuid[1:]}"
    situation = membership.Situation(name, own, record=seen, since=present.since, known=present.known)
    return membership.plan(situation)


@pytest.mark.parametrize("me", [0, 1])
def test_a_lease_that_was_restored_from_a_backup_is_no_other_group(me: int) -> None:
    """All members would refuse clients, bar themselves for what they have written since, and leave."""
    own = online("8", 0, 1, 2, primary=0, me=me)
    restored = record(PAST, read_at=20.0)
    assert isinstance(_planned(own, restored, _remembers()), member_actions.Serve)
    corrected = standing.noted("mysql-0", online("8", 0, 1, 2, primary=0, me=0), restored, 1.0, _remembers().known)
    assert corrected is not None
    assert (corrected.incarnation, corrected.acquired, corrected.count()) == ("8", "10:00", 9)
    assert isinstance(_planned(own, restored, standing.Present(since=1.0)), member_actions.BlockClients), "unseen"


def test_another_group_that_was_formed_since_counts_more() -> None:
    """Also one that an older agent formed: it does not count that, but whoever joins it does."""
    own = online("8", 0, 1, 2, primary=0, me=0)
    formed = group.forming(LATER, None, "mysql-1", "u1")
    assert formed.count() == LATER.count() + 1
    for joins in ("9", "10"):
        other = record(replace(LATER, incarnation="9", acquired="12:00", joins=joins), acquired="12:00", read_at=20.0)
        assert isinstance(_planned(own, other, _remembers()), member_actions.BlockClients)
        assert standing.noted("mysql-0", own, other, 1.0, _remembers().known) is None


def test_what_a_lease_from_the_past_has_forgotten_is_written_again() -> None:
    """Also under which name the history goes on, and who was given up."""
    known = replace(LATER, name="new", parent="old", outcasts={"mysql-3": "u3"}, joining={"mysql-4": "u4"})
    past = replace(PAST, name="old", joins="7", joining={"mysql-5": "u5"}, outcasts={"mysql-6": "u6"})
    own = replace(online("8", 0, 1, 2, primary=0, me=0), group_name="new")
    corrected = standing.noted("mysql-0", own, record(past, read_at=20.0), 1.0, known)
    assert corrected == replace(known, acquired="10:00", joining={"mysql-4": "u4"})
    early = record(replace(LATER, joins="7"), acquired="11:00", read_at=11.0)
    assert _remembers().look(own, 11.5, early).known == LATER, "of the same group, and from its past"
    assert standing.noted("mysql-0", own, early, 1.0, LATER) == replace(LATER, name="new")


def _formed(at: float = 15.0) -> standing.Present:
    """The agent of mysql-0, which took the Lease on LATER and formed group 9 before any Lease recorded that."""
    took = standing.taken(group.forming(LATER, None, "mysql-0", "u0", UP_TO_9), record(LATER, acquired="11:00"))
    before = standing.Present().look(server(0), at - 1.0, record(LATER, acquired="11:00", read_at=at - 2.0), took)
    assert before.known == standing.UNKNOWN, "not in a group yet"
    return before.look(online("9", 0, primary=0, me=0), at, None, took)


def test_a_lease_that_became_an_old_one_while_a_group_was_formed_is_no_other_group() -> None:
    """The Lease records the group that was over when this member took it: it would bar itself, and all wait for a
    user."""
    own = replace(online("9", 0, primary=0, me=0), offline_mode=True)
    old = record(LATER, acquired="11:00", read_at=20.0)
    present = _formed()
    action = _planned(own, old, present)
    assert isinstance(action, member_actions.Wait), "no client before the Lease records it"
    assert "until the Lease records" in action.why
    corrected = standing.noted("mysql-0", own, old, present.since, present.known)
    assert corrected is not None
    assert (corrected.incarnation, corrected.acquired, corrected.count()) == ("9", "11:00", 10)
    again = record(corrected, acquired="11:00", read_at=21.0)
    assert isinstance(_planned(own, again, present.look(own, 21.5, again)), member_actions.AcceptClients)


def test_nor_one_with_an_order_that_named_whom_the_group_counts() -> None:
    """What it took the Lease for is written as it was: a name of its own, and who was given up."""
    order = group.GoOnWithout({"mysql-2": "u2"}, "another", "11:00")
    took = standing.taken(group.forming(LATER, order, "mysql-0", "u0", UP_TO_9), record(LATER, acquired="11:00"))
    own = replace(online("9", 0, primary=0, me=0), group_name="another")
    present = standing.Present(at=14.0).look(own, 15.0, None, took)
    corrected = standing.noted("mysql-0", own, record(LATER, acquired="11:00", read_at=20.0), 15.0, present.known)
    assert corrected is not None
    assert (corrected.name, corrected.outcasts) == ("another", {"mysql-2": "u2"})


def test_whoever_took_that_old_lease_since_forms_the_group_that_counts() -> None:
    own, present = online("9", 0, primary=0, me=0), _formed()
    took = replace(group.forming(PAST, None, "mysql-1", "u1"), joins="7")
    assert took.count() < present.known.count()
    for seen in (
        record(took, acquired="12:00", read_at=20.0, holder="mysql-1", held_for_seconds=1.0),
        record(replace(took, incarnation="10", acquired="12:00"), acquired="12:00", read_at=20.0),
    ):
        assert isinstance(_planned(own, seen, present), member_actions.BlockClients)
        assert standing.noted("mysql-0", own, seen, present.since, present.known) is None


def test_who_was_frozen_remembers_nothing_of_the_lease() -> None:
    """Its server shows the group as it was, and others may have formed one without it, on a note of an older copy."""
    own, present = online("8", 0, 1, 2, primary=0, me=0), _remembers()
    before = record(LATER, acquired="11:00", read_at=9.5)
    assert present.look(own, 15.0, before).known == LATER
    thawed = present.look(own, 80.0, before)
    assert (thawed.known, thawed.since) == (standing.UNKNOWN, 1.0)
    assert thawed.look(own, 80.25, before).known == standing.UNKNOWN
    assert thawed.look(own, 82.0, record(LATER, acquired="11:00", read_at=81.0)).known == LATER
    assert present.look(online("9", 0, primary=0, me=0), 11.0, before).known == standing.UNKNOWN, "another group"


@pytest.mark.parametrize("joins", ["", "-1", "x", "9" * 5000])
def test_a_count_that_anybody_wrote_is_none(joins: str) -> None:
    assert group.Note(joins=joins).count() == 0


def test_a_count_that_cannot_grow_any_more_does_not_begin_again() -> None:
    """Each join after that would make the Lease one from the past, to every member."""
    last = group.Note("a", members=LAST_VIEW, joins="9" * 18, restores="9" * 18)
    for next_one in (joined(1, last), group.forming(last, None, "mysql-0", "u0"), last.restored(last)):
        assert next_one.count() == last.count()
        assert not last.is_later(next_one)
        assert next_one.restores == last.restores


@pytest.mark.parametrize(
    ("names_of", "is_later"),
    [
        (("", "", "", ""), True),
        (("b", "a", "b", "a"), True),
        (("b", "a", "a", ""), True),  # the later one goes on from the other's
        (("c", "b", "a", ""), True),
        (("a", "", "b", "a"), False),  # the one that counts less goes on from this one's
        (("", "", "b", "a"), False),  # of the Secret's name, before any other
    ],
)
def test_of_two_notes_the_one_that_counts_more_is_later_unless_the_other_continues_it(
    names_of: tuple[str, str, str, str], is_later: bool
) -> None:
    name, parent, other, others_parent = names_of
    one, two = group.Note(name, parent, joins="9"), group.Note(other, others_parent, joins="4")
    assert one.is_later(two) is is_later
    assert not two.is_later(one)


@pytest.mark.parametrize(
    ("restores", "others", "is_later"), [("2", "1", True), ("1", "2", False), ("2", "", False), ("", "1", False)]
)
def test_of_two_histories_that_go_on_from_each_other_the_one_that_was_restored_later_is_later(
    restores: str, others: str, is_later: bool
) -> None:
    """The way back was taken. A release that does not number restores may also begin to count again."""
    one = group.Note("a", "b", joins="9", restores=restores)
    assert one.is_later(group.Note("b", "a", joins="4", restores=others)) is is_later


def test_a_restore_goes_on_counting_whatever_the_lease_says() -> None:
    restored = group.Note("b", "a").restored(group.Note("a", joins="8", restores="x" * 30))
    assert (restored.count(), restored.restores) == (9, "1")
    assert group.note_of({names.ANNOTATION_GROUP: group.dump(restored)}) == restored
    assert group.Note("a", "b").restored(restored) == group.Note("a", "b", joins="10", restores="2")


@pytest.mark.parametrize(
    ("name", "parent", "joining"),
    [("new", "old", {"mysql-3": "u3"}), ("", "", {"mysql-3": "u3"}), ("", "old", {}), ("old", "old", {})],
)
def test_who_was_joining_the_history_that_was_left_is_not_expected_in_this_one(
    name: str, parent: str, joining: dict[str, str]
) -> None:
    """After a restore in place its pod has another data directory, and the group would wait for the former one."""
    past = group.Note(name, joins="7", joining={"mysql-3": "u3"})
    known = replace(LATER, name="new", parent=parent, joins="9")
    assert known.corrected(past).joining == joining
    own = replace(online("8", 0, 1, 2, primary=0, me=0), group_name="new")
    noted = standing.noted("mysql-0", own, record(past, read_at=20.0), 1.0, known)
    assert noted is not None
    assert noted.joining == joining
