"""What comes between deciding to form or join a group and doing it (U1): the Lease, and no time; before a group is
formed, a second look."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from mysqlops import errors
from mysqlops.agent import cluster_api, starting
from mysqlops.agent.member import Member
from mysqlops.core import group, names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import connect, group_replication
from mysqlops.planning import member_actions, membership
from tests.unit.agent.test_writes import HELD, LAST_VIEW, ME, Api, around

OWN = view.ServerView("u0", "9.7.4", GtidSet.parse(HELD))


class Server(connect.Server):
    """A connection that is only opened and closed."""

    def __init__(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""


class World:
    """A full outage with all members there: mysql-0 forms the group. Preparing takes `prepares_seconds`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.served = Api(group.Note(members=LAST_VIEW))
        self.sight, self.clock = around(self.served)
        self.prepares_seconds = 0.0
        self.own, self.formed = OWN, list[str]()
        self.meanwhile: Callable[[], None] = lambda: None
        self.answering, self.asked, self.refusal = list[str](), list[list[str]](), ""
        monkeypatch.setattr(group_replication, "observe", lambda _: self.own)
        self.starting = starting.Starting(Own(self), self.sight, self.clock)
        for beat in (1, 2):
            self.show("mysql-1", beat)
            self.show("mysql-2", beat)
            seen = self.sight.look()
        self.situation = membership.Situation("mysql-0", OWN, seen, seen.record)
        self.action = membership.plan(self.situation)

    def show(self, pod: str, beat: int, state: str = view.OFFLINE) -> None:
        held = {"executed": HELD, "held": HELD, "server_uuid": LAST_VIEW[pod]}
        self.served.show(pod, "09:00", started="a", beat=beat, state=state, **held)

    def give_up(self, pod: str) -> None:
        """A user gives up a member of which nobody hears any more."""
        order = group.GoOnWithout({pod: LAST_VIEW[pod]}, "another", "10:00")
        self.served.lease["metadata"]["annotations"][names.ANNOTATION_GIVEN_UP] = group.dump(order)
        del self.served.objects["pods", pod]
        seen = self.sight.look()
        self.situation = replace(self.situation, around=seen, record=seen.record)
        self.action = membership.plan(self.situation)

    def form(self) -> list[str]:
        assert isinstance(self.action, member_actions.FormGroup)
        self.starting.run(self.action, self.situation, OWN)
        return self.formed

    def holder(self) -> str:
        return str(self.served.lease["spec"]["holderIdentity"])


class Own(Member):
    """Its server: preparing comes before the permit, as in the real one."""

    def __init__(self, world: World) -> None:
        """No pod."""
        self.world = world

    def connect(self) -> connect.Server:
        return Server()

    def answers(self, pod: str) -> bool:
        return pod in self.world.answering

    def join(
        self,
        seeds: Sequence[str],
        group_name: str,
        ask: Sequence[str] = (),
        permit: Callable[[], None] = lambda: None,
    ) -> None:
        self._prepare(permit)
        self.world.asked.append(list(seeds))
        if self.world.refusal:
            raise errors.StatementFailed(self.world.refusal, errno=3092)

    def form(self, group_name: str, permit: Callable[[], None] = lambda: None) -> None:
        self._prepare(permit)
        self.world.formed.append(group_name)

    def copy(self, donor: str, permit: Callable[[], None] = lambda: None) -> None:
        self._prepare(permit)
        self.world.asked.append([donor])

    def _prepare(self, permit: Callable[[], None]) -> None:
        self.world.clock.at += self.world.prepares_seconds
        self.world.meanwhile()
        permit()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_it_knows_what_it_took_the_lease_with_until_its_next_start(world: World) -> None:
    """So a Lease that becomes an old one in that second is seen to be from the past (planning/standing.py)."""
    before = world.situation.record
    assert before is not None
    world.form()
    noted = group.note_of(world.served.lease["metadata"]["annotations"])
    assert world.starting.took == replace(noted, incarnation=before.incarnation())
    world.show("mysql-1", 3, view.ONLINE)
    with pytest.raises(errors.Conflict):
        world.form()
    assert world.starting.took == group.Note()


def test_the_group_is_formed_and_the_lease_notes_with_what(world: World) -> None:
    assert world.form() == [""]
    assert (world.holder(), world.served.note().began_with) == ("mysql-0", HELD)


def test_a_cache_that_stands_still_forms_no_group(world: World) -> None:
    """The API server that the agent happens to read says OFFLINE, from before mysql-1 led a group."""
    world.served.cache = copy.deepcopy(world.served.objects)
    world.show("mysql-1", 3, view.ONLINE)
    with pytest.raises(errors.Conflict, match="no group is formed after a second look: joining: mysql-1 in the group"):
        world.form()
    assert (world.formed, world.holder()) == ([], "mysql-1")


def test_a_member_that_went_meanwhile_is_waited_for(world: World) -> None:
    del world.served.objects["pods", "mysql-2"]
    with pytest.raises(errors.Conflict, match="what mysql-2 holds is not known"):
        world.form()
    assert world.formed == []


def test_its_own_server_is_asked_again_too(world: World) -> None:
    world.own = view.ServerView("u0", "9.7.4", GtidSet())
    with pytest.raises(errors.Conflict, match="mysql-1 holds all transactions and forms it"):
        world.form()


def test_what_a_member_has_from_elsewhere_is_not_final_while_an_earlier_start_is_on_its_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may end in the group that does not count, and an event commits there. In a group there is no such START."""

    def refused(_own: Member, _group_name: str) -> None:
        raise errors.StatementFailed("a START is on its way", errno=3093)

    monkeypatch.setattr(Member, "must_be_outside", refused)
    record, wanted = world.sight.record(), group.Note(members=LAST_VIEW, elsewhere={"mysql-0": "u0"})
    action = member_actions.NoteOrigin("why", record, wanted)
    with pytest.raises(errors.StatementFailed):
        world.starting.note(action, OWN)
    assert world.served.note() == record.note
    world.starting.note(action, replace(OWN, state=view.ONLINE))
    assert world.served.note() == wanted.counting(record.note.count() + 1)


def test_nobody_joins_on_a_note_that_cannot_be_read(world: World) -> None:
    """It may say that this member is given up, or is about to lose its data; the group's primary writes it again."""
    notes = world.served.lease["metadata"]["annotations"]
    notes[names.ANNOTATION_GROUP], world.answering = "7", ["mysql-2"]
    with pytest.raises(errors.Conflict, match="cannot be read"):
        world.starting.run(member_actions.Join("why", ("mysql-2",)), world.situation, OWN)
    assert world.served.lease["metadata"]["annotations"][names.ANNOTATION_GROUP] == "7"


def test_who_copies_another_is_recorded_as_joining_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its mysqld it ends in the group, and from then on an outage waits for it."""
    joining = list[bool]()

    def copy(_own: Member, _donor: str, permit: Callable[[], object] = lambda: None) -> None:
        permit()
        joining.append("mysql-0" in world.served.note().joining)

    monkeypatch.setattr(Own, "copy", copy)
    world.starting.run(member_actions.Clone("why", "mysql-2"), world.situation, OWN)
    assert joining == [True]


def test_the_lease_is_taken_after_whatever_takes_its_time(world: World) -> None:
    """A stalled disk: the others stop waiting for the holder after a minute."""
    world.prepares_seconds, holders = 70.0, list[str]()

    def late() -> None:
        holders.append(world.holder())
        for beat in (3, 4):  # the publisher goes on looking
            for pod in ("mysql-1", "mysql-2"):
                world.show(pod, beat)
            world.sight.look()

    world.meanwhile = late
    assert world.form() == [""]
    assert (holders, world.holder()) == (["mysql-1"], "mysql-0")


def test_a_beat_after_a_minute_without_looks_forms_no_group(world: World) -> None:
    """The other may have ended right after it; the next try sees the next beat."""
    world.prepares_seconds = 70.0

    def late() -> None:
        for pod in ("mysql-1", "mysql-2"):
            world.show(pod, 3)

    world.meanwhile = late
    with pytest.raises(errors.Conflict, match="what mysql-1 holds is not known"):
        world.form()
    assert world.holder() == "mysql-1"


def test_an_agent_that_was_paused_with_the_lease_looks_again(world: World) -> None:
    real = world.sight.take_lease

    def slow(*arguments: object) -> group.Note | None:
        taken = real(*arguments)  # type: ignore[arg-type]
        world.clock.at += 30.0
        return taken

    world.sight.take_lease = slow  # type: ignore[method-assign, assignment]
    with pytest.raises(errors.Conflict, match="too old"):
        world.form()
    assert (world.formed, world.holder()) == ([], "mysql-0")


def test_another_order_or_name_than_the_one_prepared_for_is_decided_again(world: World) -> None:
    order = group.GoOnWithout({"mysql-2": "u2"}, "another", "10:00", named={"mysql-2": "u2"})
    world.served.lease["metadata"]["annotations"][names.ANNOTATION_GIVEN_UP] = group.dump(order)
    with pytest.raises(errors.Conflict, match="has changed"):
        world.form()


def test_nobody_is_recorded_as_joining_members_of_which_none_answers(world: World) -> None:
    """They were in a group by their last words, and the power went. START GROUP_REPLICATION would try for a minute."""
    before = world.served.note()
    with pytest.raises(errors.StepFailed, match="mysql-1, mysql-2: nobody answers"):
        world.starting.run(member_actions.Join("why", ("mysql-1", "mysql-2")), world.situation, OWN)
    assert (world.asked, world.served.note()) == ([], before)
    world.answering = ["mysql-2"]
    world.starting.run(member_actions.Join("why", ("mysql-1", "mysql-2")), world.situation, OWN)
    assert (world.asked, "mysql-0" in world.served.note().joining) == ([["mysql-1", "mysql-2"]], True)


_INTO_THE_GROUP = [member_actions.Join("why", ("mysql-1",)), member_actions.Clone("why", "mysql-1")]


def _lease_is_taken(world: World) -> None:
    """All were lost while this member prepared, and mysql-1 forms the group again."""
    other = cluster_api.ClusterApi(world.served, replace(ME, pod="mysql-1"), world.clock)
    assert other.take_lease(other.record(), "u1", HELD) is not None


def _another_group_is_recorded(world: World) -> None:
    _lease_is_taken(world)
    other = cluster_api.ClusterApi(world.served, replace(ME, pod="mysql-1"), world.clock)
    acquired = world.served.lease["spec"]["acquireTime"]
    assert other.note(replace(world.served.note(), incarnation="8", acquired=acquired), other.record())


def _history_has_another_name(world: World) -> None:
    other = cluster_api.ClusterApi(world.served, replace(ME, pod="mysql-1"), world.clock)
    assert other.note(replace(world.served.note(), name="another"), other.record())


@pytest.mark.parametrize("action", _INTO_THE_GROUP)
@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (_lease_is_taken, "not recorded yet"),
        (_another_group_is_recorded, "another group counts"),
        (_history_has_another_name, "another group counts"),
    ],
)
def test_who_decided_to_join_before_all_were_lost_looks_again(
    world: World, action: member_actions.Start, meanwhile: Callable[[World], None], why: str
) -> None:
    """Nobody expects a second member in a group that no Lease records: it would not be marked (planning/origin.py)."""
    world.answering, world.meanwhile = ["mysql-1"], lambda: meanwhile(world)
    with pytest.raises(errors.Conflict, match=why):
        world.starting.run(action, world.situation, OWN)
    assert (world.asked, "mysql-0" in world.served.note().joining) == ([], False)


@pytest.mark.parametrize("action", _INTO_THE_GROUP)
def test_that_it_joins_is_recorded_after_whatever_takes_its_time(world: World, action: member_actions.Start) -> None:
    recorded = list[bool]()
    world.answering, world.prepares_seconds = ["mysql-1"], 70.0
    world.meanwhile = lambda: recorded.append("mysql-0" in world.served.note().joining)
    world.starting.run(action, world.situation, OWN)
    assert (recorded, world.asked) == ([False], [["mysql-1"]])
    assert world.served.note().joining == {"mysql-0": "u0"}


@pytest.mark.parametrize("action", _INTO_THE_GROUP)
def test_an_agent_that_was_paused_while_it_recorded_that_it_joins_looks_again(
    world: World, action: member_actions.Start
) -> None:
    real = world.sight.note_joining

    def slow(*arguments: object, **more: object) -> group.Note:
        noted = real(*arguments, **more)  # type: ignore[arg-type]
        world.clock.at += 30.0
        return noted

    world.answering = ["mysql-1"]
    world.sight.note_joining = slow  # type: ignore[method-assign]
    with pytest.raises(errors.Conflict, match="too old"):
        world.starting.run(action, world.situation, OWN)
    assert world.asked == []


_NOBODY_LEADS = "Error connecting to all peers: connection delegation failed"


@pytest.mark.parametrize(("answering", "refusal"), [([], ""), (["mysql-2"], _NOBODY_LEADS)])
def test_a_group_is_formed_without_those_that_are_given_up_if_none_of_them_is_in_one(
    world: World, answering: list[str], refusal: str
) -> None:
    world.give_up("mysql-2")
    world.answering, world.refusal = answering, refusal
    assert (world.form(), world.asked) == (["another"], [answering] if answering else [])


def test_members_that_are_given_up_and_run_are_joined_instead(world: World) -> None:
    """They are only cut off from the API server, and their clients write: `recover` knows no more than agents say."""
    world.give_up("mysql-2")
    world.answering = ["mysql-2"]
    assert (world.form(), world.asked, world.holder()) == ([], [["mysql-2"]], "mysql-1")


def test_no_group_is_formed_while_it_is_unknown_whether_one_runs(world: World) -> None:
    """Another reason to be refused, such as a password, is no proof."""
    world.give_up("mysql-2")
    world.answering, world.refusal = ["mysql-2"], "Access denied for user 'mysqlops_replication'"
    with pytest.raises(errors.StepFailed, match="mysql-2 answers, but it is unknown whether a group runs there"):
        world.form()
    assert (world.formed, world.holder()) == ([], "mysql-1")
