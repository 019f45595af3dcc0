"""A member leaves its group before its claim goes: an outage then waits for nobody whose data nobody has."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import group, names, ordered, secret_map, view
from mysqlops.core.publication import Publication
from mysqlops.operations import claims, lock, member, observe, orders, scale
from mysqlops.planning import actions, departure, gate, member_actions, membership, standing
from mysqlops.planning import scale as scaling
from tests.unit.clusters import of_members
from tests.unit.core.test_group import LAST_VIEW, UP_TO_9, committed, in_group, online, outage, peer, server
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import GROUP, NAME, ONLINE, Cluster

# --- what the agents make of the order


def _leaving(number: int = 2) -> view.GroupRecord:
    return committed("A", leaving={f"mysql-{number}": f"u{number}"})


def test_a_member_whose_data_is_about_to_be_deleted_leaves_and_stays_outside() -> None:
    own = online("A", 0, 1, 2, primary=0, me=2)
    assert isinstance(in_group(own, _leaving()), member_actions.Leave)
    assert isinstance(in_group(replace(own, state=view.RECOVERING), _leaving()), member_actions.Leave)
    told = Publication("pod", "", 1, "1", server_uuid="u0", state=view.ONLINE, executed=UP_TO_9, role="primary")
    inside = view.Peer("mysql-0", True, told, fresh=True)
    assert isinstance(outage(server(2), inside, seen=_leaving()), member_actions.Wait)
    assert isinstance(outage(server(2), inside, seen=committed("A")), member_actions.Join)


def test_a_new_data_directory_of_the_same_pod_is_not_meant() -> None:
    own = replace(online("A", 0, 1, 2, primary=0, me=2), server_uuid="new")
    own = replace(own, members=(*own.members[:2], replace(own.members[2], server_uuid="new")))
    for seen, wanted in (
        (_leaving(), member_actions.Serve),
        (committed("A", leaving={"mysql-2": "new"}), member_actions.Leave),
    ):
        assert isinstance(membership.plan(membership.Situation("mysql-2", own, record=seen)), wanted)


def test_nobody_leaves_who_leads_or_whom_the_others_need() -> None:
    assert isinstance(in_group(online("A", 0, 1, 2, primary=2, me=2), _leaving()), member_actions.Serve)
    own = online("A", 0, 1, 2, primary=0, me=2)
    lost = (own.members[0], replace(own.members[1], state=view.UNREACHABLE), own.members[2])
    assert isinstance(in_group(replace(own, members=lost), _leaving()), member_actions.Serve)


def test_where_no_group_runs_such_a_member_is_elected_like_any_other() -> None:
    """It was in the last view, and may hold what was acknowledged last."""
    more = f"{GROUP}:1-12"
    assert isinstance(outage(server(2, more), peer(0), peer(1), seen=_leaving()), member_actions.FormGroup)


def test_the_primary_counts_it_no_longer_once_it_is_out_of_its_view() -> None:
    """Also one that noted that it joins, and never got in: it may not any more."""
    joining = {"mysql-2": "u2", "mysql-3": "u3"}
    note = group.Note(incarnation="A", acquired="10:00", members=LAST_VIEW, joining=joining)
    seen = replace(_leaving(), note=note)
    without = online("A", 0, 1, primary=0, me=0)
    wanted = standing.noted("mysql-0", without, seen, 0.0)
    assert wanted is not None
    assert wanted.expected().keys() == {"mysql-0", "mysql-1", "mysql-3"}
    wanted = standing.noted("mysql-0", without, replace(seen, leaving={}), 0.0)
    assert wanted is not None
    assert "mysql-2" in wanted.expected()
    within = standing.noted("mysql-0", online("A", 0, 1, 2, primary=0, me=0), seen, 0.0)
    assert within is not None
    assert within.members["mysql-2"] == "u2"


# --- the commands


class Grouped(Cluster):
    """A cluster whose Lease notes the members of the view. An agent that obeys leaves after two seconds, and two more
    later the primary has noted that; `at_the_end` is what the member holds by then."""

    def __init__(self, *, obeys: bool = True, at_the_end: str = "") -> None:
        super().__init__(3)
        self.obeys, self.at_the_end = obeys, at_the_end
        self.view = {pod: f"uuid of {pod}" for pod in self.facts}
        for pod in self.facts:
            self.facts[pod] = {**self.facts[pod], "server_uuid": f"uuid of {pod}"}
        self.counted_at_deletion: list[str] = []
        self.out_at: dict[str, float] = {}
        self.clock.turn = self._turn
        self.store.kill_after = self._watch
        self.settle()
        self._note()

    def _note(self) -> None:
        note = group.dump(group.Note(name=GROUP, members=self.view))
        self.store.objects["Lease", names.group_lease(NAME)]["metadata"]["annotations"][names.ANNOTATION_GROUP] = note

    def _watch(self, text: str) -> bool:
        if text.startswith("DELETE PersistentVolumeClaim"):
            note = group.note_of(self.notes())
            self.counted_at_deletion = [*note.expected()]
        return False

    def _turn(self) -> None:
        for pod, uuid in ordered.leaving(self.notes()).items():
            if self.obeys and self.facts[pod].get("server_uuid") == uuid and pod not in self.out_at:
                self.out_at[pod] = self.clock.seconds + 2.0
        for pod, at in self.out_at.items():
            if self.clock.seconds >= at and pod in self.view and self.held(pod):
                self.facts[pod] = {**self.facts[pod], "state": "OFFLINE", "role": "none"}
                self.write(pod, self.at_the_end or self.held(pod))
            if self.clock.seconds >= at + 2.0:
                self.view = {name: uuid for name, uuid in self.view.items() if name != pod}
                self._note()
        for pod in self.facts:
            if not self.held(pod):
                self.write(pod, f"{GROUP}:1-5")
                self.facts[pod] = {**ONLINE, "role": "replica", "online": 3, "server_uuid": f"new uuid of {pod}"}


def test_a_claim_goes_only_when_no_outage_would_wait_for_its_member() -> None:
    cluster = Grouped()
    member.rebuild(cluster.session(60.0), NAME, "mysql-1", accept_loss=False)
    assert cluster.counted_at_deletion == ["mysql-0", "mysql-2"]
    assert cluster.lost == {"data-mysql-1": f"{GROUP}:1-5"}
    assert names.ANNOTATION_REBUILDING not in cluster.notes()


@pytest.mark.parametrize("accept_loss", [False, True])
def test_a_note_that_cannot_be_read_is_none_of_an_older_agent(*, accept_loss: bool) -> None:
    """Its primary corrects it within a second, and then would expect a member whose claim is gone."""
    cluster = Grouped()
    turn, annotations = cluster.clock.turn, cluster.notes()
    garbled = annotations | {names.ANNOTATION_GROUP: "{"}
    cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]["annotations"] = garbled

    def corrected() -> None:
        if cluster.clock.seconds >= 3.0 and group.note_of(cluster.notes()).garbled:
            cluster._note()
        turn()

    cluster.clock.turn = corrected
    member.rebuild(cluster.session(60.0), NAME, "mysql-1", accept_loss=accept_loss)
    assert cluster.counted_at_deletion == ["mysql-0", "mysql-2"]


def test_a_lease_from_before_a_member_joined_does_not_say_that_it_has_left() -> None:
    """Its members correct that within a second, and then would expect a member whose claim is gone."""
    cluster = Grouped()
    now = group.note_of(cluster.notes())
    copied = {names.ANNOTATION_GROUP: group.dump(replace(now, joins="2"))}
    secret = secret_map.secret(NAME, secret_map.INTERNAL)
    cluster.session().client.patch("Secret", secret, {"metadata": {"annotations": copied}})
    cluster.view = {"mysql-0": now.members["mysql-0"]}
    cluster._note()
    cluster.facts["mysql-1"] = {**cluster.facts["mysql-1"], "state": "OFFLINE", "role": "none"}
    cluster.settle()
    assert claims.is_counted(cluster.session(), NAME, "mysql-1")


def test_what_the_member_held_when_it_left_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the gate saw before, transactions may have come since."""
    monkeypatch.setattr(claims, "_TOLD_SECONDS", 1.0)
    cluster = Grouped(at_the_end=f"{GROUP}:1-7")
    with pytest.raises(errors.Refused) as error:
        member.rebuild(cluster.session(60.0), NAME, "mysql-1", accept_loss=False)
    assert [one.code for one in error.value.reasons] == ["only-copy"]
    assert cluster.lost == {}
    assert names.ANNOTATION_REBUILDING not in cluster.notes(), "it may join again"


def test_the_second_answer_counts_the_votes_of_the_first() -> None:
    cluster = Grouped()
    asked = []

    def let_pass(*, voters: int = 0) -> gate.Passed:
        asked.append(voters)
        return gate.Passed("data-mysql-1", "uid", "mysql-1", 3 if voters == 0 else 1, "")

    claim = cluster.store.objects["PersistentVolumeClaim", "data-mysql-1"]
    claims.after_leaving(cluster.session(60.0), NAME, claim, let_pass)
    assert asked == [0, 3]


def test_a_member_whose_agent_does_not_obey_leaves_with_its_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with agents of older releases."""
    monkeypatch.setattr(claims, "_LEAVES_SECONDS", 3.0)
    cluster = Grouped(obeys=False)
    member.rebuild(cluster.session(60.0), NAME, "mysql-1", accept_loss=False)
    assert cluster.lost == {"data-mysql-1": f"{GROUP}:1-5"}
    assert cluster.clock.seconds >= 3.0


def _killed(cluster: Cluster, after: str) -> None:
    cluster.store.kill_after = lambda text: after in text
    with pytest.raises(Killed):
        member.rebuild(cluster.session(60.0), NAME, "mysql-1", accept_loss=False)
    cluster.store.kill_after = lambda _: False


def _next_command(cluster: Cluster) -> None:
    session = cluster.session()
    with lock.held(session, NAME, "status"):
        pass


def test_the_next_command_lets_a_member_back_that_a_killed_one_sent_away() -> None:
    cluster = Grouped()
    _killed(cluster, names.ANNOTATION_REBUILDING)
    assert ordered.leaving(cluster.notes()) == {"mysql-1": "uuid of mysql-1"}
    _next_command(cluster)
    assert names.ANNOTATION_REBUILDING not in cluster.notes()


def test_no_command_lets_a_member_back_whose_claim_goes_with_its_pod() -> None:
    cluster = Grouped()
    _killed(cluster, "DELETE PersistentVolumeClaim")
    _next_command(cluster)
    assert ordered.leaving(cluster.notes()) == {"mysql-1": "uuid of mysql-1"}
    member.rebuild(cluster.session(60.0), NAME, "mysql-1", accept_loss=False)
    assert cluster.lost == {"data-mysql-1": f"{GROUP}:1-5"}


@pytest.mark.parametrize("note", ["uid", {"uid": ""}, {"before": 5}, None, ["a"]])
def test_notes_of_other_releases_send_nobody_away(note: Any) -> None:
    annotations = {names.ANNOTATION_REBUILDING: json.dumps({"mysql-1": note})}
    assert ordered.leaving(annotations) == {}
    cluster = Cluster(3)
    orders.write(cluster.session().client, NAME, rebuilding={"mysql-1": note})
    orders.call_off(cluster.session().client, NAME, cluster.clock.now())
    assert json.loads(cluster.notes()[names.ANNOTATION_REBUILDING]) == {"mysql-1": note}


@pytest.mark.parametrize(("hours", "counts"), [(23, True), (25, False)])
def test_an_order_to_rebuild_that_nobody_obeyed_for_a_day_counts_no_longer(hours: int, counts: bool) -> None:
    """`member rebuild --no-wait`, and no node for the pod until next week: nobody remembers what was wanted."""
    cluster = Cluster(3)
    note = {"uid": "long-gone", "at": "2026-01-01T00:00:00Z"}
    obeyed = {**note, "server": "uuid"}
    orders.write(cluster.session().client, NAME, rebuilding={"mysql-1": note, "mysql-2": obeyed})
    cluster.clock.wall += timedelta(hours=hours)
    now = cluster.clock.now()
    ordered_now = {"mysql-1": "", "mysql-2": "uuid"} if counts else {"mysql-2": "uuid"}
    assert ordered.rebuilding(cluster.notes(), now) == ordered_now
    assert (ordered.obeyed(cluster.notes(), "mysql-1", "new", now) is not None) is counts
    told = [one for one in observe.judged(cluster.session(), NAME).conditions if one.code == "order-open"]
    assert any("a rebuild of mysql-1 was ordered at 2026-01-01T00:00:00Z" in one.message for one in told) is not counts
    _next_command(cluster)
    left = ordered.rebuilding(cluster.notes())
    assert left == ({"mysql-1": "", "mysql-2": "uuid"} if counts else {"mysql-2": "uuid"})


def test_an_expired_order_stays_while_its_claim_goes_or_its_member_waits_for_a_backup() -> None:
    cluster = Cluster(3)
    note = {"at": "2025-01-01T00:00:00Z", "before": "uuid of mysql-1"}
    uid = cluster.data_uid("mysql-1")
    going = cluster.store.objects["PersistentVolumeClaim", "data-mysql-1"]["metadata"]
    going["deletionTimestamp"] = "now"
    notes = {"mysql-1": {**note, "uid": uid}, "mysql-2": {**note, "uid": "gone"}, "mysql-0": {**note, "uid": "gone"}}
    orders.write(cluster.session().client, NAME, rebuilding=notes, filling={"mysql-0": "b1"})
    _next_command(cluster)
    assert ordered.rebuilding(cluster.notes()).keys() == {"mysql-0", "mysql-1"}


def test_a_claim_does_not_go_on_a_decision_of_last_night() -> None:
    """The laptop slept between the gate's answer and the deletion, and nobody took the lock meanwhile."""
    cluster = Cluster(3)
    session = cluster.session(60.0)
    claim = cluster.store.objects["PersistentVolumeClaim", "data-mysql-1"]
    passed = claims.ask(session, NAME, claim, claims.Request(repair=True))
    cluster.clock.wall += timedelta(hours=9)
    notes = cluster.notes()
    with pytest.raises(errors.StepFailed, match="claim data-mysql-1 is kept"):
        claims.delete(session, passed)
    with pytest.raises(errors.StepFailed, match="claim data-mysql-1 is kept"):
        claims.empty(session, NAME, "mysql-1", passed)
    assert (cluster.lost, cluster.notes()) == ({}, notes)


# --- scaling


def test_the_claim_of_a_removed_member_is_kept_while_an_outage_would_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "_FORGETS_SECONDS", 3.0)
    cluster = Grouped()
    run = partial(scale.execute, cluster.session(600.0), NAME, 2, scale.Request(scale.DELETE))
    with pytest.raises(errors.StepFailed, match="an outage would wait for mysql-2, which the group counts"):
        run()
    assert cluster.lost == {}
    cluster.view.pop("mysql-2")
    cluster._note()
    run()
    assert (cluster.lost, cluster.counted_at_deletion) == ({"data-mysql-2": f"{GROUP}:1-5"}, ["mysql-0", "mysql-1"])


def test_a_member_is_not_removed_while_the_group_counts_too_many_that_are_gone() -> None:
    """mysql-1 has just died: without mysql-2 the group of three would have one of two, and no majority."""
    dead = of_members(3, m1={"state": "DOWN", "role": "none", "label": "none"}, m0={"group": "mysql-0,mysql-1,mysql-2"})
    assert isinstance(scaling.plan(dead, 1), actions.Wait)
    expelled = of_members(3, m1={"state": "DOWN", "role": "none", "label": "none"}, m0={"group": "mysql-0,mysql-2"})
    assert scaling.plan(expelled, 1) == scaling.Shrink("mysql-2")


def test_an_order_that_was_read_long_ago_is_not_obeyed() -> None:
    """Its command may have called it off, and who leaves while the API server is away cannot come back."""
    own = online("A", 0, 1, 2, primary=0, me=2)
    assert departure.leaves_because("mysql-2", own, _leaving(), now=29.0)
    assert not departure.leaves_because("mysql-2", own, _leaving(), now=31.0)
