"""What an agent writes to the API server, and on what evidence (U1, U2, U4, S6, S13); the API server is a dict."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import api, cluster_api, log, publisher, settings
from mysqlops.clock import SystemClock
from mysqlops.core import group, names, routing, view
from mysqlops.core.gtid import GtidSet
from mysqlops.core.publication import Publication, dump, load
from mysqlops.planning import origin, standing

ME = settings.Settings("mysql", "db", "mysql-0", "pod-0")
LAST_VIEW = {"mysql-0": "u0", "mysql-1": "u1", "mysql-2": "u2"}
HELD = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9"
AT = "2026-01-01T00:00:00Z"
PRIMARY = Publication("pod-0", AT, 0, "1", server_uuid="u0", state=view.ONLINE, role="primary", held=HELD)


class Time(SystemClock):
    """Stands still until it is moved."""

    at = 100.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Api(api.Api):
    """Objects by their plural name and name, with resourceVersions."""

    def __init__(self, note: group.Note | None, order: group.GoOnWithout | None = None) -> None:
        super().__init__("db", Path("/nowhere"))
        annotations = {names.ANNOTATION_BOOTSTRAPPED: "mysql-0 long ago"}
        self.cache: dict[tuple[str, str], dict[str, Any]] | None = None  # what cached lists answer
        if note is not None:
            annotations[names.ANNOTATION_GROUP] = group.dump(note)
        if order is not None:
            annotations[names.ANNOTATION_GIVEN_UP] = group.dump(order)
        self.objects: dict[tuple[str, str], dict[str, Any]] = {
            ("leases", "mysql-group"): {
                "metadata": {
                    "name": "mysql-group",
                    "resourceVersion": "1",
                    "labels": names.selector("mysql"),
                    "annotations": annotations,
                },
                "spec": {"acquireTime": "10:00", "holderIdentity": "mysql-1"},
            },
            ("secrets", "mysql-internal"): {
                "metadata": {"name": "mysql-internal", "resourceVersion": "1", "annotations": {}}
            },
            ("statefulsets", "mysql"): {"metadata": {}, "spec": {"replicas": 3}},
            ("pods", "mysql-0"): {"metadata": {"name": "mysql-0", "uid": "pod-0", "annotations": {}}},
        }

    def get(self, group: str, kind: str, name: str) -> dict[str, Any]:
        if (kind, name) not in self.objects:
            raise errors.NotFound(name)
        return copy.deepcopy(self.objects[kind, name])

    def list(self, group: str, kind: str, selector: str, *, cached: bool = True) -> list[dict[str, Any]]:
        objects = self.cache if cached and self.cache is not None else self.objects
        return [copy.deepcopy(value) for (one, _), value in objects.items() if one == kind]

    def patch(self, group: str, kind: str, name: str, change: dict[str, Any]) -> dict[str, Any]:
        metadata = self.objects[kind, name]["metadata"]
        if change["metadata"].get("resourceVersion") not in (None, metadata.get("resourceVersion")):
            raise errors.Conflict("stale")
        for key in ("labels", "annotations"):
            metadata[key] = (metadata.get(key) or {}) | change["metadata"].get(key, {})
        return self.get(group, kind, name)

    def update(self, group: str, kind: str, name: str, whole: dict[str, Any]) -> dict[str, Any]:
        version = self.objects[kind, name]["metadata"]["resourceVersion"]
        if whole["metadata"]["resourceVersion"] != version:
            raise errors.Conflict("stale")
        whole["metadata"]["resourceVersion"] = str(int(version) + 1)
        self.objects[kind, name] = copy.deepcopy(whole)
        return whole

    @property
    def lease(self) -> dict[str, Any]:
        return self.objects["leases", "mysql-group"]

    def note(self) -> group.Note:
        return group.note_of(self.lease["metadata"]["annotations"])

    def show(self, pod: str, created: str, **facts: Any) -> None:
        told = dump(Publication(pod, "2026-01-01T00:00:00Z", agent_version="1", **facts))
        metadata = {
            "name": pod,
            "uid": pod,
            "creationTimestamp": created,
            "annotations": {names.ANNOTATION_MEMBER: told},
        }
        self.objects["pods", pod] = {"metadata": metadata}


def around(served: Api) -> tuple[cluster_api.ClusterApi, Time]:
    clock = Time()
    return cluster_api.ClusterApi(served, ME, clock), clock


def test_the_first_empty_data_directory_that_obeys_an_order_to_rebuild_is_the_only_one() -> None:
    """A killed command never takes its order back: it must not be obeyed by whatever is in that place next year."""
    served = Api(group.Note(name="g", members=LAST_VIEW))
    notes = served.objects["leases", "mysql-group"]["metadata"]["annotations"]
    at = {"at": "2026-01-01T00:00:00Z"}
    ordered = {"mysql-0": {"uid": "claim", "before": "u0", **at}, "mysql-1": {"uid": "other", **at}, "mysql-2": "bare"}
    notes[names.ANNOTATION_REBUILDING] = json.dumps(ordered)
    own, clock = around(served)

    def after(server_uuid: str, *, holds_data: bool = False) -> dict[str, str]:
        own.note_joining(server_uuid, own.record(), holds_data=holds_data)
        return dict(own.record().rebuilding)

    unbound = {"mysql-0": "", "mysql-1": ""}  # an order of an older release has no date
    with pytest.raises(errors.Conflict, match="about to be deleted"):  # what the order does away with does not obey it
        after("u0")
    assert after("backup", holds_data=True) == unbound, "a restored one copies nobody"
    assert after("new") == {**unbound, "mysql-0": "new"}
    assert after("next year's") == {**unbound, "mysql-0": "new"}
    clock.at += 25 * 3600.0
    assert own.record().rebuilding == {"mysql-0": "new"}, "whoever comes in mysql-1's place now is not surprised"


@pytest.mark.parametrize("labels", [None, {}, names.selector("other"), {names.LABEL_NAME: "leader-election"}])
def test_a_lease_of_somebody_else_orders_nothing_and_is_not_written(labels: dict[str, str] | None) -> None:
    served = Api(group.Note(name="g", members=LAST_VIEW), group.GoOnWithout({"mysql-2": "u2"}, "another", "10:00"))
    sight, _ = around(served)
    decided_on = sight.record()
    served.lease["metadata"]["labels"] = labels
    before = json.dumps(served.lease)
    for act in (
        sight.record,
        lambda: sight.take_lease(decided_on, "u0"),
        lambda: sight.note(group.Note(), decided_on),
        lambda: sight.note_joining("u0", decided_on, holds_data=True),
    ):
        with pytest.raises(errors.KubeError, match="Lease mysql-group is not of cluster mysql"):
            act()
    assert json.dumps(served.lease) == before


def test_the_lease_is_taken_only_as_it_was_when_that_was_decided() -> None:
    served = Api(group.Note(members=LAST_VIEW))
    sight, _ = around(served)
    decided_on = sight.record()
    served.update("", "leases", "mysql-group", served.get("", "leases", "mysql-group"))  # anybody wrote anything
    assert sight.take_lease(decided_on, "u0") is None
    assert served.lease["spec"]["holderIdentity"] == "mysql-1"
    assert sight.take_lease(sight.record(), "u0") is not None
    assert served.lease["spec"]["holderIdentity"] == "mysql-0"


def test_of_two_that_write_at_once_one_has_not_taken_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have looked at the same version; the API server takes one of them."""
    served = Api(group.Note(members=LAST_VIEW))
    sight, _ = around(served)
    decided_on, write = sight.record(), served.update

    def after_another(group_: str, kind: str, name: str, whole: dict[str, Any]) -> Any:
        write("", "leases", "mysql-group", served.get("", "leases", "mysql-group"))
        return write(group_, kind, name, whole)

    monkeypatch.setattr(served, "update", after_another)
    before = served.lease["metadata"]["annotations"]
    assert sight.take_lease(decided_on, "u0") is None
    assert not sight.note(group.Note(members={"mysql-0": "u0"}), sight.record())
    with pytest.raises(errors.Conflict):
        sight.note_joining("u0", sight.record(), holds_data=True)
    assert (served.lease["spec"]["holderIdentity"], served.lease["metadata"]["annotations"]) == ("mysql-1", before)


def test_what_a_member_is_to_the_group_is_recorded_beside_orders_and_only_on_the_lease_as_it_was() -> None:
    served = Api(group.Note(members=LAST_VIEW), group.GoOnWithout({"mysql-2": "u2"}, "another", "10:00"))
    sight, _ = around(served)
    decided_on, wanted = sight.record(), group.Note(members=LAST_VIEW, elsewhere={"mysql-0": "u0"})
    sight.amend(wanted, decided_on)
    assert served.note() == wanted.counting(1)
    assert sight.record().given_up() == {"mysql-2"}
    with pytest.raises(errors.Conflict, match="has changed since"):
        sight.amend(group.Note(), decided_on)
    assert served.note() == wanted.counting(1)


def test_an_order_is_obeyed_and_cleared_in_one_write() -> None:
    order = group.GoOnWithout({"mysql-2": "u2"}, "another", "10:00")
    served = Api(group.Note(name="old", members=LAST_VIEW), order)
    sight, _ = around(served)
    decided_on = sight.record()
    assert decided_on.given_up() == {"mysql-2"}
    sight.take_lease(decided_on, "u0")
    assert names.ANNOTATION_GIVEN_UP not in served.lease["metadata"]["annotations"]
    assert (served.note().name, served.note().outcasts) == ("another", {"mysql-2": "u2"})
    assert sight.record().given_up() == frozenset()


def test_an_order_that_an_outage_left_behind_is_none_in_the_next() -> None:
    order = group.GoOnWithout({"mysql-2": "u2"}, "another", "09:00")
    sight, _ = around(Api(group.Note(members=LAST_VIEW), order))
    assert sight.record().order is None


def test_who_decided_to_join_before_the_lease_was_taken_again_looks_again() -> None:
    """Its agent was paused: it may be about to join a group that does not count."""
    served = Api(group.Note(members=LAST_VIEW))
    sight, clock = around(served)
    other = cluster_api.ClusterApi(served, replace(ME, pod="mysql-1"), clock)
    assert other.take_lease(other.record(), "u1", HELD) is not None
    with pytest.raises(errors.Conflict, match="not recorded yet"):
        sight.note_joining("u0", sight.record(), holds_data=True)
    order = group.GoOnWithout({"mysql-2": "u2"}, "another", served.lease["spec"]["acquireTime"])
    served.lease["metadata"]["annotations"][names.ANNOTATION_GIVEN_UP] = group.dump(order)
    sight.note_joining(
        "u0", sight.record(), holds_data=True
    )  # before it forms the group without those, it asks whether they run one
    del served.lease["metadata"]["annotations"][names.ANNOTATION_GIVEN_UP]
    counts = replace(served.note(), incarnation="7", acquired=served.lease["spec"]["acquireTime"])
    assert other.note(counts, other.record())
    sight.note_joining("u0", sight.record(), holds_data=True)
    assert set(served.note().joining) == {"mysql-0", "mysql-1"}


def test_an_outcast_is_not_noted_as_joining() -> None:
    served = Api(group.Note(members={"mysql-1": "u1"}, outcasts={"mysql-0": "u0"}))
    sight, _ = around(served)
    with pytest.raises(errors.Refused):
        sight.note_joining("u0", sight.record(), holds_data=True)
    sight.note_joining("u0-rebuilt", sight.record(), holds_data=False)
    assert served.note().joining == {"mysql-0": "u0-rebuilt"}


_LATER = group.Note("new", "old", "8", "11:00", LAST_VIEW, {}, "9", {"mysql-3": "u3"}, HELD)
_PAST = group.Note("old", "", "7", "10:00", {"mysql-3": "u3"}, {"mysql-4": "u4"}, "6")


def _restored() -> Api:
    """A tool has applied the Lease as it was once; the copy of its note is beside it, on a Secret."""
    served = Api(_PAST, group.GoOnWithout({"mysql-2": "u2"}, "another", "10:00"))
    copied = {names.ANNOTATION_GROUP: group.dump(_LATER)}
    served.objects["secrets", "mysql-internal"]["metadata"]["annotations"] = copied
    return served


def test_whoever_begins_puts_a_lease_from_the_past_right() -> None:
    """No member may be left that remembers: mysql-3, which was given up since, is all that the old note expects. The
    order that it has was obeyed long ago."""
    served = _restored()
    sight, _ = around(served)
    wanted = _LATER.counting(10)  # and mysql-4 was joining the history that was left
    for seen in (sight.record(), sight.record(), sight.look().record):
        assert (seen.note, seen.given_up(), seen.is_forming()) == (wanted, frozenset(), True)
    assert served.note() == wanted
    assert names.ANNOTATION_GIVEN_UP not in served.lease["metadata"]["annotations"]


def test_an_order_beside_a_note_from_the_past_is_none_even_if_somebody_writes_at_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was obeyed long ago, and its name is that of the history which goes on since."""
    served = _restored()
    sight, _ = around(served)

    def conflict(*_: Any) -> Any:
        raise errors.Conflict("stale")

    monkeypatch.setattr(served, "update", conflict)
    seen = sight.record()
    assert (seen.note.count(), seen.order) == (9, None)


def test_which_claims_are_in_use_comes_back_with_it() -> None:
    """And a restore that was under way then is over. A copy of an older release does not know either."""
    served = _restored()
    noted = served.lease["metadata"]["annotations"]
    noted |= {names.ANNOTATION_RESTORING: "then", names.ANNOTATION_CLAIMS: "before"}
    around(served)[0].record()
    noted = served.lease["metadata"]["annotations"]
    assert (noted[names.ANNOTATION_RESTORING], noted[names.ANNOTATION_CLAIMS]) == ("then", "before")
    served = _restored()
    noted = served.lease["metadata"]["annotations"]
    noted |= {names.ANNOTATION_RESTORING: "then", names.ANNOTATION_CLAIMS: "before"}
    served.objects["secrets", "mysql-internal"]["metadata"]["annotations"][names.ANNOTATION_CLAIMS] = "now"
    sight, _ = around(served)
    seen = sight.record()
    noted = served.lease["metadata"]["annotations"]
    assert (names.ANNOTATION_RESTORING in noted, noted[names.ANNOTATION_CLAIMS]) == (False, "now")
    noted[names.ANNOTATION_CLAIMS] = "later"
    assert sight.note(replace(_LATER, joins="10"), sight.record())
    assert served.lease["metadata"]["annotations"][names.ANNOTATION_CLAIMS] == "later", "only that once"
    assert seen.note.count() == 10


def test_so_does_whoever_has_seen_it_count_more() -> None:
    served = Api(_LATER)
    sight, _ = around(served)
    sight.keep_copy(sight.record())
    served.lease["metadata"]["annotations"][names.ANNOTATION_GROUP] = group.dump(_PAST)
    served.lease["metadata"]["resourceVersion"] = "7"
    assert sight.record().note.count() == served.note().count() == 10


@pytest.mark.parametrize("joins", [False, True])
def test_so_does_whoever_has_written_that_it_counts_more(joins: bool) -> None:
    """It has not read the Lease since; the others have gone on, and the copy says so."""
    served = Api(_PAST)
    sight, _ = around(served)
    decided_on = sight.record()
    before = copy.deepcopy(served.lease)
    if joins:
        sight.note_joining("u0", decided_on, holds_data=True)
    else:
        assert sight.take_lease(decided_on, "u0", HELD) is not None
    copied = {names.ANNOTATION_GROUP: group.dump(_LATER)}
    served.objects["secrets", "mysql-internal"]["metadata"]["annotations"] = copied
    served.objects["leases", "mysql-group"] = before
    assert sight.record().note.name == served.note().name == "new"


def test_a_lease_from_before_a_member_left_or_was_barred_is_one_from_the_past() -> None:
    """An outage would wait for a claim that was deleted since, or a member join that has transactions of its own under
    the group's numbers."""
    served = Api(group.Note(members=LAST_VIEW, incarnation="7", acquired="10:00"))
    speaker, clock = voice(served)
    for barred in (False, True):
        speaker._hear(speaker._around.record())
        before, clock.at = copy.deepcopy(served.lease), clock.at + 1.0
        if barred:
            seen = speaker._around.record()
            speaker._around.amend(origin.staying_out("mysql-2", "u2", seen.note), seen)
            speaker._hear(speaker._around.record())
            assert speaker.record is not None
            speaker._keep_copy(speaker.record)
        else:
            speaker._keep_note(news(clock, "mysql-0", "mysql-1", at=clock.at))
        version = served.lease["metadata"]["resourceVersion"]
        served.objects["leases", "mysql-group"] = before
        before["metadata"]["resourceVersion"] = version
        for sight in (speaker._around, around(served)[0]):
            note = sight.record().note
            assert set(note.members) == {"mysql-0", "mysql-1"}
            assert note.casts_out("mysql-2", "u2") is barred


def test_nobody_joins_or_forms_a_group_on_a_lease_from_the_past() -> None:
    served = _restored()
    sight, _ = around(served)
    with pytest.raises(errors.Conflict):
        sight.note_joining("u0", _seen(sight, served, _PAST), holds_data=True)
    assert "mysql-0" not in served.note().joining


def _seen(sight: cluster_api.ClusterApi, served: Api, note: group.Note) -> view.GroupRecord:
    """The Lease as the member read it before it prepared."""
    return replace(sight._record(served.lease), note=note)


def test_if_the_copy_is_from_the_past_too_the_lease_counts() -> None:
    """The API server's data was restored, so both are as they were. Who remembers more writes it (standing.noted)."""
    served = Api(_PAST)
    served.objects["secrets", "mysql-internal"]["metadata"]["annotations"] = {names.ANNOTATION_GROUP: group.dump(_PAST)}
    sight, _ = around(served)
    assert sight.record().note == _PAST
    del served.objects["secrets", "mysql-internal"]
    assert around(served)[0].record().note == _PAST, "nor does a missing Secret make the API server unreachable"


def test_a_note_that_cannot_be_read_may_be_a_later_one() -> None:
    served = _restored()
    served.lease["metadata"]["annotations"][names.ANNOTATION_GROUP] = "{"
    assert around(served)[0].record().note == group.Note(garbled=True)
    assert served.lease["metadata"]["annotations"][names.ANNOTATION_GROUP] == "{"


def test_a_primary_that_was_paused_writes_no_copy_of_what_is_over() -> None:
    served = Api(_PAST)
    sight, _ = around(served)
    before = sight.record()
    copied = {names.ANNOTATION_GROUP: group.dump(_LATER)}
    secret = served.objects["secrets", "mysql-internal"]["metadata"]
    secret["annotations"] = copied
    assert sight.keep_copy(before)
    assert secret["annotations"] == copied


def test_a_copy_is_not_written_over_what_somebody_else_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Api(_PAST)
    sight, _ = around(served)
    before, patch = sight.record(), served.patch
    secret = served.objects["secrets", "mysql-internal"]["metadata"]

    def after_another(group_: str, kind: str, name: str, change: dict[str, Any]) -> Any:
        secret["resourceVersion"] = "2"
        return patch(group_, kind, name, change)

    monkeypatch.setattr(served, "patch", after_another)
    assert not sight.keep_copy(before)
    assert secret["annotations"] == {}


def test_a_lease_that_was_made_again_does_not_make_the_cluster_new() -> None:
    served = Api(group.Note(members=LAST_VIEW))
    sight, _ = around(served)
    sight.keep_copy(sight.record())
    served.lease["metadata"]["annotations"] = {}
    served.lease["spec"] = {}
    assert sight.record().bootstrapped_by == "mysql-0 long ago"
    assert sight.record().note.members == LAST_VIEW


def test_a_secret_that_is_gone_is_no_api_server_that_is_away() -> None:
    """Else the agent would spare the API server, and never come to say what is missing."""
    served = Api(group.Note(members=LAST_VIEW))
    sight, _ = around(served)
    del served.objects["secrets", "mysql-internal"]
    assert sight.keep_copy(sight.record()) is False


def test_a_word_that_was_heard_before_is_not_fresh_whatever_comes_between() -> None:
    """Two API servers, one with a cache that stands still: the member has been dead for long."""
    served = Api(group.Note(members=LAST_VIEW))
    sight, clock = around(served)
    fresh = []
    for turn in range(60):
        clock.at += 1
        served.show("mysql-1", "09:00", started="a", beat=90 if turn % 2 else 100, state=view.ONLINE)
        fresh.append(next(one.fresh for one in sight.look().peers if one.name == "mysql-1"))
    assert not any(fresh)
    served.show("mysql-1", "09:00", started="a", beat=101, state=view.ONLINE)
    assert [one.fresh for one in sight.look().peers if one.name == "mysql-1"] == [True]
    # Before its group was formed it was OFFLINE, and the other server's cache still says so.
    for beat, state, expected in ((100, view.OFFLINE, False), (102, view.ONLINE, True)):
        clock.at += 1
        served.show("mysql-1", "09:00", started="a", beat=beat, state=state)
        assert [one.fresh for one in sight.look().peers if one.name == "mysql-1"] == [expected]
    clock.at += 1
    # Its agent has started again, by a clock that was set back meanwhile.
    for beat, expected in ((1, False), (2, True)):
        served.show("mysql-1", "09:00", started="0", beat=beat, state=view.ONLINE)
        assert [one.fresh for one in sight.look().peers if one.name == "mysql-1"] == [expected]
    clock.at += 1
    served.show("mysql-1", "09:00", started="a", beat=999, state=view.ONLINE)  # of before, from a cache
    assert [one.fresh for one in sight.look().peers if one.name == "mysql-1"] == [False]


def test_a_pod_of_another_name_is_no_member_whatever_its_labels() -> None:
    served = Api(group.Note(members=LAST_VIEW))
    served.show("mysql-0-debug", "09:00", started="a", beat=1)
    sight, _ = around(served)
    assert [one.name for one in sight.look().peers] == ["mysql-1", "mysql-2"]


def test_a_holder_whose_clock_is_ahead_blocks_nobody_for_long() -> None:
    served = Api(group.Note(members=LAST_VIEW))
    served.lease["spec"]["renewTime"] = "2026-01-01T09:00:00.000000Z"
    sight, clock = around(served)
    assert sight.record().held_for_seconds < view.LEASE_SECONDS
    clock.at += 61
    assert sight.record().held_for_seconds > view.LEASE_SECONDS


@pytest.mark.parametrize("renewed", ["0000-01-01T00:00:00.000000Z", "10000-01-01T00:00:00.000000Z"])
def test_a_renewal_in_a_year_that_only_the_api_server_knows_stops_no_agent(renewed: str) -> None:
    """Each member's token may write it."""
    served = Api(group.Note(members=LAST_VIEW))
    served.lease["spec"]["renewTime"] = renewed
    sight, clock = around(served)
    assert sight.record().held_for_seconds < view.LEASE_SECONDS
    clock.at += 61
    assert sight.record().held_for_seconds > view.LEASE_SECONDS


def test_whatever_goes_wrong_in_a_turn_the_next_one_tries_again() -> None:
    served = Api(group.Note(members=LAST_VIEW))
    speaker, clock = voice(served)
    began = speaker.turned_at
    clock.at += 5
    speaker.offer(replace(news(clock, "mysql-0", at=clock.at), wants_look=True))
    served.objects["statefulsets", "mysql"] = {"metadata": {}, "spec": {"replicas": "not a number"}}
    speaker._try_turn()
    assert speaker.turned_at == began
    served.objects["statefulsets", "mysql"]["spec"]["replicas"] = 3
    clock.at += 5
    speaker._try_turn()
    assert speaker.turned_at == clock.at


def test_outside_a_group_the_others_are_looked_at_each_second_and_at_once_when_the_watch_shows_news() -> None:
    served = Api(group.Note(members=LAST_VIEW))
    speaker, clock = voice(served)
    looks: list[float] = []
    real = speaker._around.look
    speaker._around.look = lambda **_: looks.append(clock.at) or real()  # type: ignore[method-assign, func-returns-value]

    def turn(seconds: float) -> None:
        clock.at += seconds
        speaker._look_if_wanted(replace(news(clock, "mysql-0", at=clock.at), wants_look=True))

    for seconds in (5.0, 0.3, 0.3, 0.5):
        turn(seconds)
    assert [at - looks[0] for at in looks] == pytest.approx([0.0, 1.1])
    speaker._around.watching.news += 1
    turn(0.1)
    assert len(looks) == 2, "not more often than four times a second"
    turn(0.2)
    turn(0.3)
    assert [at - looks[0] for at in looks] == pytest.approx([0.0, 1.1, 1.4])


@pytest.mark.parametrize(
    ("role", "before", "tries"),
    [("primary", "replica", 10), ("primary", "primary", 4), ("replica", "replica", 4), ("none", "primary", 4)],
)
def test_while_the_api_server_is_away_a_primary_without_its_label_asks_each_second_and_the_others_rarely(
    role: str, before: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients of the Service wait for that label; others would only be one more of many when it comes back."""
    served, asked = Api(group.Note(members=LAST_VIEW)), list[float]()
    speaker, clock = voice(served)
    monkeypatch.setattr(random, "uniform", lambda *_: 1.0)
    speaker._labels = routing.Labels(before, False)

    def patch(*_: Any) -> dict[str, Any]:
        asked.append(clock.at)
        raise errors.Unreachable("frozen")

    monkeypatch.setattr(served, "patch", patch)
    for _ in range(100):
        seen = replace(news(clock, "mysql-0", at=clock.at), seen=replace(PRIMARY, role=role))
        speaker.offer(seen)
        speaker._publish_if_due(seen)
        clock.at += 0.1
    assert len(asked) == tries


def test_who_was_scaled_away_while_it_was_joining_is_forgotten_after_a_minute() -> None:
    note = group.Note(incarnation="7", acquired="10:00", members={"mysql-0": "u0"}, joining={"mysql-4": "u4"})
    served = Api(note)
    del served.objects["pods", "mysql-0"]
    speaker, clock = voice(served)
    for _ in range(6):
        assert "mysql-4" in served.note().joining
        speaker._hear(speaker._around.record())
        server = news(clock, "mysql-0", at=clock.at).server
        assert server is not None
        assert speaker.record is not None
        speaker._drop_joining(speaker.record, server)
        if "mysql-4" not in served.note().joining:
            break
    assert served.note().joining == {}


def test_members_of_the_last_view_are_looked_for_whatever_the_replicas() -> None:
    served = Api(group.Note(members={**LAST_VIEW, "mysql-4": "u4"}))
    sight, _ = around(served)
    assert [one.name for one in sight.look().peers] == ["mysql-1", "mysql-2", "mysql-4"]


@pytest.mark.parametrize(("age", "seems_alive"), [(3.0, True), (-3.0, True), (30.0, False), (-60.0, False)])
def test_last_words_from_the_future_do_not_count_as_alive(age: float, seems_alive: bool) -> None:
    served = Api(None)
    sight, clock = around(served)
    served.show("mysql-1", "09:00", started="a", beat=1, state=view.ONLINE)
    clock.at = age
    assert sight.look().peers[0].seems_alive is seems_alive


def voice(served: Api) -> tuple[publisher.Publisher, Time]:
    sight, clock = around(served)
    return publisher.Publisher(sight, log.Log(clock), clock, lambda _: None), clock


def said(served: Api) -> Publication:
    text = served.objects["pods", "mysql-0"]["metadata"]["annotations"][names.ANNOTATION_MEMBER]
    found = load(text, "pod-0")
    assert found is not None
    return found


def test_a_server_that_does_not_answer_holds_what_it_last_said() -> None:
    served = Api(None)
    speaker, _ = voice(served)
    speaker.publish(PRIMARY)
    down = replace(PRIMARY, server_uuid="", state=view.DOWN, role="none", held="")
    speaker.publish(down)
    assert said(served).held == HELD
    voice(served)[0].publish(down)  # an agent that has just started reads it on its own pod
    assert said(served).held == HELD


def test_an_agent_does_not_speak_for_the_pod_that_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was frozen with its node, and its pod was replaced: whatever it says would be taken for the new one's."""
    served = Api(None)
    sight, _ = around(served)
    served.objects["pods", "mysql-0"]["metadata"]["uid"], patch = "another", served.patch

    def as_asked(group_: str, kind: str, name: str, change: dict[str, Any]) -> dict[str, Any]:
        found = served.objects[kind, name]["metadata"]["uid"]
        if change["metadata"].get("uid", found) != found:
            raise errors.Conflict("another pod of that name")
        return patch(group_, kind, name, change)

    monkeypatch.setattr(served, "patch", as_asked)
    for role in ("primary", None):
        with pytest.raises(errors.Conflict):
            sight.publish(role, "x")
    with pytest.raises(errors.Conflict):
        sight.leave_replicas()
    assert served.objects["pods", "mysql-0"]["metadata"]["annotations"] == {}


def news(clock: Time, *members: str, at: float) -> publisher.Observation:
    seen = tuple(view.GroupMember(LAST_VIEW[pod], f"{pod}.x", view.ONLINE, "replica") for pod in members[1:])
    leader = view.GroupMember("u0", "mysql-0.x", view.ONLINE, "primary")
    server = view.ServerView(
        "u0", "9.7.4", GtidSet(), state=view.ONLINE, view_id="7:3", members=(leader, *seen), writable=True
    )
    return publisher.Observation(PRIMARY, server, at, standing.Present())


def test_the_view_is_noted_only_if_it_was_seen_after_the_lease_was_read() -> None:
    served = Api(group.Note(members=LAST_VIEW))
    speaker, clock = voice(served)
    speaker._hear(speaker._around.record())
    speaker._keep_note(news(clock, "mysql-0", at=clock.at - 1))
    assert served.note().members == LAST_VIEW
    speaker._keep_note(news(clock, "mysql-0", "mysql-1", at=clock.at + 1))
    assert set(served.note().members) == {"mysql-0", "mysql-1"}


def test_a_view_is_not_noted_over_what_a_joiner_wrote_meanwhile() -> None:
    served = Api(group.Note(members=LAST_VIEW))
    speaker, clock = voice(served)
    speaker._hear(speaker._around.record())
    other = cluster_api.ClusterApi(served, replace(ME, pod="mysql-2"), clock)
    other.note_joining("u2", other.record(), holds_data=True)
    speaker._keep_note(news(clock, "mysql-0", "mysql-1", at=clock.at + 1))
    assert "mysql-2" in served.note().expected()


def test_what_is_kept_beside_the_lease_never_says_that_the_primary_was_elsewhere() -> None:
    """Its mark ends with the note of its group. Whoever deletes the Lease then would bring an older copy back."""
    served = Api(group.Note(members=LAST_VIEW))
    speaker, clock = voice(served)
    taken = speaker._around.take_lease(speaker._around.record(), "u0", HELD)
    assert taken is not None
    assert taken.elsewhere == {"mysql-0": "u0"}
    speaker._hear(speaker._around.record())
    for at, kept in ((clock.at + 1, False), (clock.at + 2, True)):
        record = speaker.record
        assert record is not None
        speaker._keep_copy(record)
        copied = served.objects["secrets", "mysql-internal"]["metadata"]["annotations"]
        assert (names.ANNOTATION_GROUP in copied) is kept
        clock.at = at
        speaker._keep_note(news(clock, "mysql-0", at=at))
    assert group.note_of(copied).elsewhere == {}


def test_whom_the_lease_no_longer_counts_its_copy_does_not_count_either() -> None:
    """Its claim may be deleted from then on. With a copy of seconds ago, a Lease that is deleted too would make the
    others wait for that data without end."""
    served = Api(group.Note(members=LAST_VIEW, incarnation="7", acquired="10:00"))
    speaker, clock = voice(served)
    speaker._hear(speaker._around.record())
    clock.at += 1.0
    speaker._keep_note(news(clock, "mysql-0", at=clock.at))
    copied = group.note_of(served.objects["secrets", "mysql-internal"]["metadata"]["annotations"])
    assert dict(copied.members) == {"mysql-0": "u0"}
    assert copied == served.note()


def test_a_loop_that_is_stuck_does_not_look_alive() -> None:
    served = Api(None)
    speaker, clock = voice(served)
    stuck = replace(news(clock, "mysql-0", at=clock.at), wants_look=True)
    speaker._publish_if_due(stuck)
    beat = said(served).beat
    clock.at += 30
    speaker._publish_if_due(stuck)
    assert said(served).beat == beat


def test_the_note_is_plain_json_of_texts() -> None:
    served = Api(group.Note(members=LAST_VIEW))
    text = served.lease["metadata"]["annotations"][names.ANNOTATION_GROUP]
    assert json.loads(text)["members"] == LAST_VIEW
