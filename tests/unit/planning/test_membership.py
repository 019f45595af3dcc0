"""The member's decisions, from every mix of what the members may be and may know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mysqlops.core import group, view
from mysqlops.core.gtid import GtidSet
from mysqlops.core.publication import UNKNOWN, Publication
from mysqlops.planning import member_actions, membership, stuck_group

GROUP = "11111111-1111-1111-1111-111111111111"
STRAY = "22222222-2222-2222-2222-222222222222"
UP_TO_5, UP_TO_9 = f"{GROUP}:1-5", f"{GROUP}:1-9"


def server(executed: str = "", state: str = view.OFFLINE, **more: object) -> view.ServerView:
    made = view.ServerView(server_uuid="me", version="9.7.4", executed=GtidSet.parse(executed), state=state)
    return replace(made, **more)  # type: ignore[arg-type]


def peer(name: str, executed: str | None, state: str = view.OFFLINE, *, fresh: bool = True) -> view.Peer:
    if executed is None:
        return view.Peer(name, exists=False)
    published = Publication("uid", "2026-01-01T00:00:00Z", 1, "1", state=state, executed=executed)
    return view.Peer(name, True, published, fresh)


def plan(  # noqa: PLR0913 (a table of what may differ)
    own: view.ServerView | None,
    *peers: view.Peer,
    name: str = "mysql-0",
    formed: str | None = "mysql-0",
    holder: tuple[str, float] | None = None,
    fenced: dict[str, str] | None = None,
    given_up: frozenset[str] = frozenset(),
    full: bool = False,
) -> member_actions.Action:
    order = group.GoOnWithout(dict.fromkeys(given_up, ""), "new", "") if given_up else None
    record = view.GroupRecord(
        formed, holder[0] if holder else None, holder[1] if holder else 0.0, fenced or {}, order=order
    )
    around = view.Surroundings(3, peers, record)
    return membership.plan(membership.Situation(name, own, around, record, full))


def test_a_new_cluster_is_formed_by_member_0_and_by_no_other() -> None:
    nobody = (peer("mysql-1", None), peer("mysql-2", None))
    assert isinstance(plan(server(), *nobody, formed=None), member_actions.FormGroup)
    others = (peer("mysql-0", None), peer("mysql-2", None))
    assert isinstance(plan(server(), *others, name="mysql-1", formed=None), member_actions.Wait)


def test_an_empty_member_0_never_forms_a_group_that_was_formed_before() -> None:
    silent = (peer("mysql-1", None), peer("mysql-2", None))
    assert isinstance(plan(server(), *silent), member_actions.Wait)
    holding = (peer("mysql-1", UP_TO_9), peer("mysql-2", UP_TO_5))
    assert isinstance(plan(server(), *holding), member_actions.Wait)
    assert isinstance(plan(server(), *holding, formed=None), member_actions.Wait)


def test_after_a_full_outage_the_holder_of_all_transactions_forms_the_group() -> None:
    others = (peer("mysql-0", UP_TO_5), peer("mysql-2", UP_TO_5))
    assert isinstance(plan(server(UP_TO_9), *others, name="mysql-1"), member_actions.FormGroup)
    behind = (peer("mysql-0", UP_TO_9), peer("mysql-2", UP_TO_5))
    assert isinstance(plan(server(UP_TO_5), *behind, name="mysql-1"), member_actions.Wait)


def test_what_was_received_and_not_applied_counts() -> None:
    received = server(UP_TO_5, received=GtidSet.parse(f"{GROUP}:6-9"))
    others = (peer("mysql-0", UP_TO_5), peer("mysql-1", f"{GROUP}:1-8"))
    assert isinstance(plan(received, *others, name="mysql-2"), member_actions.FormGroup)


def test_what_another_member_received_and_has_not_applied_counts_too() -> None:
    """Its relay log is the only disk with it."""
    other = peer("mysql-1", UP_TO_5)
    assert other.publication is not None
    received = replace(other, publication=replace(other.publication, received=f"{GROUP}:6-9"))
    action = plan(server(f"{GROUP}:1-8"), received, peer("mysql-2", UP_TO_5))
    assert isinstance(action, member_actions.Wait)
    assert "mysql-1 holds all transactions" in action.why


@pytest.mark.parametrize(
    "unknown",
    [
        peer("mysql-2", None),
        peer("mysql-2", UP_TO_5, fresh=False),
        peer("mysql-2", UP_TO_5, view.DOWN),
        peer("mysql-2", UP_TO_5, "UNKNOWN"),
        peer("mysql-2", UP_TO_5, view.ONLINE, fresh=False),
    ],
)
def test_a_member_that_is_not_known_blocks_and_is_named(unknown: view.Peer) -> None:
    action = plan(server(UP_TO_9), peer("mysql-1", UP_TO_5), unknown)
    assert isinstance(action, member_actions.Wait)
    assert "mysql-2" in action.why


def test_diverged_members_form_nothing_and_the_sets_are_shown() -> None:
    action = plan(server(f"{UP_TO_5},{STRAY}:1"), peer("mysql-1", UP_TO_9), peer("mysql-2", UP_TO_5))
    assert isinstance(action, member_actions.Wait)
    assert STRAY in action.why


def test_a_running_group_is_joined_through_its_online_members() -> None:
    action = plan(server(), peer("mysql-1", UP_TO_9, view.ONLINE), peer("mysql-2", UP_TO_9, view.RECOVERING))
    assert action == member_actions.Join("mysql-1 and mysql-2 in the group", ("mysql-1",))


def test_donors_serve_one_copy_at_a_time() -> None:
    published = Publication("uid", "", 1, "1", state=view.RECOVERING, clone_copied=5, clone_size=9)
    copying = view.Peer("mysql-1", True, published, fresh=True)
    holding = peer("mysql-0", UP_TO_9, view.ONLINE)
    assert isinstance(plan(server(), holding, copying, name="mysql-2"), member_actions.Wait)
    # One that holds transactions applies what lacks, and is in nobody's way.
    assert isinstance(plan(server(UP_TO_5), holding, copying, name="mysql-2"), member_actions.Join)


def holder(name: str, role: str = "replica", version: str = "9.7.4", behind: int = 0, count: int = 20_000) -> view.Peer:
    """One in the group that holds so many transactions; without a role it is joining."""
    state = view.ONLINE if role else view.RECOVERING
    published = Publication("uid", "", 1, "1", state=state, role=role, behind=behind, server_version=version)
    return view.Peer(name, True, replace(published, executed=f"{GROUP}:1-{count}"), seems_alive=True)


def test_an_empty_member_copies_the_replica_that_has_the_least_to_apply() -> None:
    primary = holder("mysql-0", "primary")
    action = plan(server(), primary, holder("mysql-1", behind=9), holder("mysql-3"), name="mysql-2")
    assert isinstance(action, member_actions.Clone)
    assert action.donor == "mysql-3"
    patched = plan(server(), primary, holder("mysql-1", version="9.7.5-2"), name="mysql-2")
    assert isinstance(patched, member_actions.Clone)
    assert patched.donor == "mysql-1"
    alone = plan(server(), primary, name="mysql-2")
    assert isinstance(alone, member_actions.Clone)
    assert alone.donor == "mysql-0"


@pytest.mark.parametrize(
    ("own", "donor", "tries"),
    [
        (server(f"{GROUP}:1-19950"), holder("mysql-1"), 0),  # it would copy again what it has
        (server(), holder("mysql-1", count=999), 0),  # just deployed
        (server(), holder("mysql-1", version="26.7.0"), 0),  # the clone plugin refuses
        (server(), holder("mysql-1"), 3),  # it did not work
    ],
)
def test_otherwise_it_joins_as_group_replication_does(own: view.ServerView, donor: view.Peer, tries: int) -> None:
    around = view.Surroundings(3, (donor,), view.GroupRecord("mysql-0", None, 0.0))
    action = membership.plan(membership.Situation("mysql-2", own, around, around.record, tries=tries))
    assert isinstance(action, member_actions.Join)


@pytest.mark.parametrize("tries", [0, 3, 50])
def test_a_member_that_is_being_rebuilt_copies_however_little_there_is(tries: int) -> None:
    """What it misses may never have been in a binary log (bug 28), however often a copy failed."""
    record = view.GroupRecord("mysql-0", None, 0.0, rebuilding={"mysql-2": ""})
    around = view.Surroundings(3, (holder("mysql-1", count=2),), record)
    action = membership.plan(membership.Situation("mysql-2", server(), around, record, tries=tries))
    assert action == member_actions.Clone("it is being rebuilt, from mysql-1", "mysql-1")
    other = membership.plan(membership.Situation("mysql-3", server(), replace(around, replicas=4), record))
    assert isinstance(other, member_actions.Join)


@pytest.mark.parametrize("ordered", [{}, {"mysql-2": ""}])
def test_an_empty_member_waits_for_somebody_to_copy_but_not_for_good(ordered: dict[str, str]) -> None:
    """One look without a donor, as in a failover, is no reason to join by the binary logs."""
    record = view.GroupRecord("mysql-0", None, 0.0, rebuilding=ordered)
    busy = view.Surroundings(3, (holder("mysql-1", role="none"), holder("mysql-0", role="")), record)
    situation = membership.Situation("mysql-2", server(), busy, record, now=1000.0)
    action = membership.plan(situation)
    assert isinstance(action, member_actions.AwaitDonor)
    assert "mysql-1 is ONLINE, mysql-0 is RECOVERING" in action.why
    assert isinstance(membership.plan(replace(situation, donorless_since=881.0)), member_actions.AwaitDonor)
    assert isinstance(membership.plan(replace(situation, donorless_since=880.0)), member_actions.Join)
    seen = replace(situation, around=replace(busy, peers=(holder("mysql-0"),)), donorless_since=0.0)
    assert isinstance(membership.plan(seen), member_actions.Clone)


@pytest.mark.parametrize("around", [(holder("mysql-1", version="26.7.0"),), (holder("mysql-1", count=3, role="none"),)])
def test_nobody_waits_for_a_copy_that_cannot_be_or_is_not_worth_it(around: tuple[view.Peer, ...]) -> None:
    record = view.GroupRecord("mysql-0", None, 0.0)
    seen = view.Surroundings(3, around, record)
    assert isinstance(membership.plan(membership.Situation("mysql-2", server(), seen, record)), member_actions.Join)


def test_an_order_to_rebuild_is_not_for_the_next_data_directory_in_its_place() -> None:
    uuid = server().server_uuid
    for obeying, kind in ((uuid, member_actions.Clone), ("an earlier one", member_actions.Join)):
        record = view.GroupRecord("mysql-0", None, 0.0, rebuilding={"mysql-2": obeying})
        around = view.Surroundings(3, (holder("mysql-1", count=2),), record)
        assert isinstance(membership.plan(membership.Situation("mysql-2", server(), around, record)), kind)


def test_a_replica_made_writable_by_hand_is_set_back_but_not_at_first_sight() -> None:
    """While the roles change, Group Replication itself shows a replica so for a moment (bug 26)."""
    rows = (
        view.GroupMember("me", "mysql-0.mysql", view.ONLINE, "replica"),
        view.GroupMember("other", "mysql-1.mysql", view.ONLINE, "primary"),
    )
    stray = server(UP_TO_9, view.ONLINE, members=rows, writable=True)
    assert membership.strays(stray)
    assert not membership.strays(replace(stray, writable=False))
    assert not membership.strays(in_a_group("mysql-1"))
    seen = membership.Situation("mysql-0", stray, now=10.0, strays_since=9.0)
    assert membership.plan(seen) == member_actions.Serve("replica")
    assert isinstance(membership.plan(replace(seen, now=11.0)), member_actions.RefuseWrites)


def test_a_copy_on_its_way_is_waited_for() -> None:
    copying = server(clone=view.Clone("FILE COPY", 1, 2))
    action = plan(copying, holder("mysql-1"), name="mysql-2")
    assert action == member_actions.Wait("cloning a donor's data (FILE COPY)")
    # By a peer too, whose publication says so while it is outside the group.
    published = Publication("uid", "", 1, "1", state=view.OFFLINE, clone_copied=5, clone_size=9)
    other = view.Peer("mysql-3", True, published, fresh=True)
    assert isinstance(plan(server(), holder("mysql-1"), other, name="mysql-2"), member_actions.Wait)


@pytest.mark.parametrize(("error", "leaves"), [(13114, True), (1236, True), (2003, False), (0, False)])
def test_a_member_whose_donor_has_purged_what_it_asks_for_joins_anew(error: int, leaves: bool) -> None:
    recovering = server(state=view.RECOVERING, recovery_error=error)
    action = plan(recovering, peer("mysql-0", UP_TO_9, view.ONLINE), name="mysql-2")
    assert isinstance(action, member_actions.Leave if leaves else member_actions.Wait)


def test_a_member_that_crashed_waits_until_the_group_has_removed_its_old_self() -> None:
    def holding(pods: str) -> view.Peer:
        published = Publication("uid", "", 1, "1", state=view.ONLINE, executed=UP_TO_9, group=pods)
        return view.Peer("mysql-1", True, published, fresh=True)

    assert isinstance(plan(server(UP_TO_5), holding("mysql-0,mysql-1")), member_actions.Wait)
    assert isinstance(plan(server(UP_TO_5), holding("mysql-1,mysql-2")), member_actions.Join)


def test_another_holder_of_the_lease_is_waited_for_until_it_is_stale() -> None:
    known = (peer("mysql-1", ""), peer("mysql-2", ""))
    assert isinstance(plan(server(), *known, holder=("mysql-1", 3.0)), member_actions.Wait)
    assert isinstance(plan(server(), *known, holder=("mysql-1", 300.0)), member_actions.FormGroup)
    assert isinstance(plan(server(), *known, holder=("mysql-0", 3.0)), member_actions.FormGroup)


@pytest.mark.parametrize(("incarnation", "held", "forms"), [("", 14.0, True), ("A", 14.0, False), ("A", 61.0, True)])
def test_who_formed_the_last_group_waits_too_once_that_is_noted(incarnation: str, held: float, forms: bool) -> None:
    """Its peers may go on with that group: what was read of them, in none, can be from before it."""
    known = (peer("mysql-1", ""), peer("mysql-2", ""))
    note = group.Note(incarnation=incarnation, acquired="t")
    record = view.GroupRecord("mysql-0", "mysql-0", held, {}, acquired="t", note=note)
    around = view.Surroundings(3, known, record)
    action = membership.plan(membership.Situation("mysql-0", server(), around, record))
    assert isinstance(action, member_actions.FormGroup) is forms


def test_outside_a_group_nothing_is_writable() -> None:
    stray = server(UP_TO_5, writable=True)
    assert isinstance(plan(stray, peer("mysql-1", UP_TO_9, view.ONLINE)), member_actions.RefuseWrites)
    assert isinstance(membership.plan(membership.Situation("mysql-0", stray)), member_actions.RefuseWrites)


def test_without_the_api_server_a_member_neither_joins_nor_forms() -> None:
    """Nobody could note that it joins; the next outage would not wait for it, whatever it had acknowledged."""
    away = membership.Situation("mysql-0", server(UP_TO_9), api_is_away=True)
    noted = view.GroupRecord("mysql-0", None, 0.0, note=group.Note(members={"mysql-0": "me"}))
    for situation in (away, replace(away, record=noted), replace(away, api_is_away=False)):
        assert isinstance(membership.plan(situation), member_actions.Wait)


def test_who_was_primary_a_moment_ago_waits_and_tells_the_better_reason() -> None:
    mine = replace(in_a_group("mysql-1", "mysql-2"), offline_mode=True)
    for full, why in ((False, "it was primary"), (True, "its volume is full")):
        doubted = membership.Situation("mysql-0", mine, volume_full=full, stale_because="it was primary")
        assert doubted.blocked_because() == why
        assert isinstance(membership.plan(doubted), member_actions.Wait)
        assert isinstance(
            membership.plan(replace(doubted, server=replace(mine, offline_mode=False))), member_actions.BlockClients
        )


def in_a_group(*pods: str, state: str = view.ONLINE) -> view.ServerView:
    members = tuple(view.GroupMember(pod, f"{pod}.mysql.db.svc", state, "replica") for pod in pods)
    return server(
        UP_TO_9, view.ONLINE, members=(*members, view.GroupMember("me", "mysql-0.mysql", view.ONLINE, "primary"))
    )


def sightings(
    looks: int, *peers: view.Peer, counted: tuple[str, ...] = ("mysql-1", "mysql-2")
) -> stuck_group.Sightings:
    found, own = stuck_group.Sightings(), Publication("uid", "", 1, "0.1.0", group=",".join(counted))
    for _ in range(looks):
        found = stuck_group.look(found, own, peers)
    return found


def test_a_group_that_counts_members_which_are_outside_it_is_left_after_three_looks() -> None:
    gone = (peer("mysql-1", UP_TO_5), peer("mysql-2", UP_TO_5, view.DOWN))
    stuck = membership.Situation("mysql-0", in_a_group("mysql-1"), sightings=sightings(3, *gone))
    action = membership.plan(stuck)
    assert isinstance(action, member_actions.Leave)
    assert "mysql-1" in action.why
    assert not isinstance(membership.plan(replace(stuck, sightings=sightings(2, *gone))), member_actions.Leave)


def test_looks_count_in_one_view() -> None:
    """A member that crashes again and again is removed each time."""
    own, down = (
        Publication("uid", "", 1, "0.1.0", group="mysql-2", view_id="7:3"),
        [peer("mysql-2", UP_TO_5, view.DOWN)],
    )
    twice = stuck_group.look(stuck_group.look(stuck_group.Sightings(), own, down), own, down)
    assert twice == stuck_group.Sightings("7:3", {"mysql-2": 2})
    assert stuck_group.look(twice, replace(own, view_id="7:4"), down) == stuck_group.Sightings("7:4", {"mysql-2": 1})


def test_a_group_that_does_not_remove_an_unreachable_member_is_left() -> None:
    """It counts two incarnations of it and so has no majority, though its view shows one."""
    mine = in_a_group("mysql-1")
    lost = view.GroupMember("mysql-2", "mysql-2.mysql.db.svc", view.UNREACHABLE, "replica")
    situation = membership.Situation("mysql-0", replace(mine, members=(*mine.members, lost)))
    down, silent = peer("mysql-2", UP_TO_5, view.DOWN), peer("mysql-2", UP_TO_5, view.DOWN, fresh=False)
    action = membership.plan(replace(situation, sightings=sightings(3, down)))
    assert isinstance(action, member_actions.Leave)
    assert "it has not removed mysql-2" in action.why
    earlier = replace(sightings(9, down), view_id="7:3")  # it crashes again and again, and is removed each time
    alive = sightings(9, peer("mysql-2", UP_TO_5, view.ONLINE))
    for found in (sightings(2, down), sightings(9, silent), alive, earlier):
        assert not isinstance(membership.plan(replace(situation, sightings=found)), member_actions.Leave)


def test_a_group_whose_majority_is_really_there_is_not_left() -> None:
    one_gone = sightings(9, peer("mysql-1", UP_TO_5), peer("mysql-2", UP_TO_9, view.ONLINE))
    silent = sightings(9, peer("mysql-1", UP_TO_5, fresh=False), peer("mysql-2", None))
    unseen = sightings(9, peer("mysql-1", UP_TO_5), counted=("mysql-2",))
    # Agents that mysqld refuses say nothing about mysqld.
    refused = sightings(9, peer("mysql-1", "", UNKNOWN), peer("mysql-2", "", UNKNOWN))
    for found in (one_gone, silent, unseen, refused, stuck_group.Sightings()):
        situation = membership.Situation("mysql-0", in_a_group("mysql-1", "mysql-2"), sightings=found)
        assert not isinstance(membership.plan(situation), member_actions.Leave)
    lost = membership.Situation(
        "mysql-0", in_a_group("mysql-1", state=view.UNREACHABLE), sightings=stuck_group.Sightings("", {"mysql-1": 9})
    )
    assert not isinstance(membership.plan(lost), member_actions.Leave), "it says itself that it has no majority"


def test_in_error_it_leaves_and_in_a_minority_it_serves_no_role() -> None:
    assert isinstance(plan(server(state=view.ERROR)), member_actions.Leave)
    rows = tuple(
        view.GroupMember(uuid, f"h{uuid}", state, role)
        for uuid, state, role in (
            ("me", view.ONLINE, "primary"),
            ("b", view.UNREACHABLE, "replica"),
            ("c", view.UNREACHABLE, "replica"),
        )
    )
    cut_off = server(UP_TO_5, view.ONLINE, members=rows)
    assert cut_off.role() == "none"
    assert isinstance(plan(cut_off), member_actions.BlockClients)
    assert isinstance(plan(replace(cut_off, offline_mode=True)), member_actions.Wait)
    back = server(UP_TO_5, view.ONLINE, members=rows[:1], offline_mode=True)
    assert isinstance(plan(back), member_actions.AcceptClients)
    unread = membership.plan(membership.Situation("mysql-0", back))
    assert isinstance(unread, member_actions.Wait)


def test_half_of_a_group_is_no_majority() -> None:
    """Of two that do not reach each other, each is half of the group: both would write."""
    lost = replace(in_a_group("mysql-1", state=view.UNREACHABLE), offline_mode=False)
    assert (lost.role(), lost.has_majority()) == ("none", False)
    assert isinstance(membership.plan(membership.Situation("mysql-0", lost)), member_actions.BlockClients)
    whole = in_a_group("mysql-1", state=view.RECOVERING)
    assert (whole.role(), whole.has_majority()) == ("primary", True)


def group_of_three(role: str) -> tuple[view.GroupMember, ...]:
    """Three members ONLINE; `me` has the role."""
    others = ("replica", "replica") if role == "primary" else ("primary", "replica")
    return tuple(
        view.GroupMember(uuid, f"mysql-{n}.mysql.db.svc", view.ONLINE, one)
        for n, (uuid, one) in enumerate(zip(("me", "b", "c"), (role, *others), strict=True))
    )


def in_group(name: str, uuid: str, used: int = 0) -> view.Peer:
    published = Publication(
        "uid", "", 1, "1", server_uuid=uuid, state=view.ONLINE, volume_size=1 << 30, volume_used=used
    )
    return view.Peer(name, True, published, True)


ROOMY = (in_group("mysql-1", "b"), in_group("mysql-2", "c"))
FULL = (in_group("mysql-1", "b", 1 << 30), in_group("mysql-2", "c", 1 << 30))


def test_a_full_primary_hands_over_to_one_with_room_and_else_serves_nobody() -> None:
    primary = server(UP_TO_5, view.ONLINE, members=group_of_three("primary"))
    assert isinstance(plan(primary, *ROOMY), member_actions.Serve)
    handing = plan(primary, FULL[0], ROOMY[1], full=True)
    assert isinstance(handing, member_actions.HandOver)
    assert handing.to.server_uuid == "c"
    assert isinstance(plan(primary, *FULL, full=True), member_actions.BlockClients)


def test_a_full_replica_leaves_only_while_a_majority_with_room_stays() -> None:
    replica = server(UP_TO_5, view.ONLINE, members=group_of_three("replica"))
    assert isinstance(plan(replica, *ROOMY, full=True), member_actions.Leave)
    two = server(UP_TO_5, view.ONLINE, members=group_of_three("replica")[:2])
    assert isinstance(plan(two, *ROOMY, full=True), member_actions.BlockClients)
    assert isinstance(plan(replica, *FULL, full=True), member_actions.BlockClients)
    assert isinstance(plan(server(UP_TO_5), *ROOMY, full=True), member_actions.Wait)


def test_a_full_replica_of_two_is_needed_for_a_majority() -> None:
    around = view.Surroundings(2, ROOMY[:1], view.GroupRecord("mysql-0", None, 0.0))
    of_two = replace(server(UP_TO_5, view.ONLINE), members=group_of_three("replica")[:2])
    full = membership.Situation("mysql-0", of_two, around, around.record, volume_full=True)
    assert isinstance(membership.plan(full), member_actions.BlockClients)


def test_a_fenced_member_serves_nobody_until_it_is_unfenced() -> None:
    order = {"mysql-0": "slow disk"}
    replica = server(UP_TO_5, view.ONLINE, members=group_of_three("replica"))
    assert plan(replica, *ROOMY, fenced=order) == member_actions.BlockClients("fenced: slow disk")
    blocked = replace(replica, offline_mode=True)
    assert isinstance(plan(blocked, *ROOMY, fenced=order), member_actions.Wait)
    assert isinstance(plan(blocked, *ROOMY), member_actions.AcceptClients)
    primary = server(UP_TO_5, view.ONLINE, members=group_of_three("primary"))
    assert isinstance(plan(primary, *ROOMY, fenced=order), member_actions.HandOver)


def test_errant_transactions_are_neither_joined_nor_wiped_and_are_named() -> None:
    errant = server(f"{UP_TO_5},{STRAY}:1-2")
    action = plan(errant, peer("mysql-1", UP_TO_9, view.ONLINE), peer("mysql-2", UP_TO_9, view.ONLINE))
    assert isinstance(action, member_actions.Wait)
    assert f"{STRAY}:1-2" in action.why
    assert "rebuild" in action.why


def test_what_it_only_received_and_the_group_lacks_is_errant_too() -> None:
    """A minority received it and never agreed on it; its applier would write it once the member has joined."""
    received = server(UP_TO_5, received=GtidSet.parse(f"{GROUP}:6-12"))
    action = plan(received, peer("mysql-1", UP_TO_9, view.ONLINE), peer("mysql-2", UP_TO_9, view.ONLINE))
    assert isinstance(action, member_actions.Wait)
    assert f"{GROUP}:10-12" in action.why


def test_only_a_member_that_was_given_up_may_be_missing() -> None:
    others = (peer("mysql-1", UP_TO_5), peer("mysql-2", None))
    assert isinstance(plan(server(UP_TO_9), *others), member_actions.Wait)
    assert isinstance(plan(server(UP_TO_9), *others, given_up=frozenset({"mysql-2"})), member_actions.FormGroup)
    back = (peer("mysql-1", UP_TO_5), peer("mysql-2", f"{UP_TO_5},{STRAY}:1"))
    assert isinstance(plan(server(UP_TO_9), *back), member_actions.Wait)
    assert isinstance(plan(server(UP_TO_9), *back, given_up=frozenset({"mysql-2"})), member_actions.FormGroup)
