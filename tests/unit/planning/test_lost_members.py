"""Agents that hear each other remove a member only if a majority misses it (docs/adr/0061)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import pytest

from mysqlops.core import heartbeat, view
from mysqlops.core.gtid import GtidSet
from mysqlops.planning import lost_members, obituary

_KEY = heartbeat.key("secret", "mysql", "db")
_TURN = lost_members.TURN_SECONDS


def _seen(own: int, states: dict[int, str], *, view_id: str = "1:3", version: str = "9.7.4") -> view.ServerView:
    members = tuple(
        view.GroupMember(f"uuid-{one}", f"mysql-{one}.mysql.db.svc", state, "primary" if one == 0 else "replica")
        for one, state in states.items()
    )
    return view.ServerView(
        f"uuid-{own}", version, GtidSet(), state=states[own], group_name="name", members=members, view_id=view_id
    )


@dataclass
class Group:
    """Agents that turn at once, and what stands between them. Time begins at 1000 s."""

    size: int
    version: str = "9.7.4"
    now: float = 1000.0
    cut: set[frozenset[int]] = field(default_factory=set)  # pairs whose agents and servers do not reach each other
    mute: set[frozenset[int]] = field(default_factory=set)  # pairs whose agents do not, though their servers do
    frozen: set[int] = field(default_factory=set)  # whole members
    stuck: set[int] = field(default_factory=set)  # only their servers
    views: dict[int, str] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    asked: list[tuple[int, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = dict.fromkeys(range(self.size), view.ONLINE)
        self.agents = {one: lost_members.Memory(one, bytes([one] * 8), self.now, self.now) for one in range(self.size)}
        self._answered = dict.fromkeys(range(self.size), self.now)
        self._last: dict[int, bytes] = {}

    def sight(self, one: int) -> lost_members.Sight:
        seen = _seen(one, self.states, view_id=self.views.get(one, "1:3"), version=self.version)
        return lost_members.Sight(seen, self._answered[one])

    def _reach(self, one: int, other: int, *cuts: set[frozenset[int]]) -> bool:
        return not any(frozenset((one, other)) in among for among in cuts)

    def turn(self) -> None:
        self.now += _TURN
        awake = [one for one in self.agents if one not in self.frozen]
        for one in awake:
            if one not in self.stuck:
                self._answered[one] = self.now - 0.01
            self._hear(one)
        self._last = {
            one: heartbeat.write(lost_members.beat(self.agents[one], self.sight(one), self.now), _KEY) for one in awake
        }
        for one in awake:
            for lost in lost_members.plan(self.agents[one], self.sight(one), "mysql", self.now):
                self.asked.append((one, lost, self.now))
                self.agents[one] = self.agents[one].ask(lost, self.now)

    def _hear(self, one: int) -> None:
        memory = self.agents[one].turn(self.now)
        for other, data in self._last.items():
            if other != one and self._reach(one, other, self.cut, self.mute):
                said = heartbeat.read(data, [_KEY])
                assert said is not None
                memory = memory.hear(said, self.now)
        for other in memory.silent(self.now):
            if self._reach(one, other, self.cut) and other not in self.frozen | self.stuck:
                memory = memory.greeted(other, self.now)
        self.agents[one] = memory

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.turn()

    def lost(self) -> set[int]:
        return {lost for _, lost, _ in self.asked}


def _group(size: int = 3) -> Group:
    made = Group(size)
    made.run(5)
    assert made.asked == []
    return made


def _apart(these: Iterable[int], those: Iterable[int]) -> set[frozenset[int]]:
    return {frozenset((one, other)) for one in these for other in those}


@pytest.mark.parametrize("way", ["frozen", "stuck", "cut"])
@pytest.mark.parametrize("size", [3, 5])
def test_a_member_that_vanishes_or_freezes_is_removed_in_half_the_time(way: str, size: int) -> None:
    group = _group(size)
    began = group.now
    if way == "cut":
        group.cut = _apart([0], range(1, size))
    else:
        getattr(group, way).add(0)
    group.run(4)
    assert group.lost() == {0}
    assert {one for one, _, _ in group.asked} == set(range(1, size))
    first = min(at for _, _, at in group.asked) - began
    assert 1.5 < first < 3.25, "two seconds of silence, and two turns until both know it of each other"


def test_two_of_five_are_removed_at_once() -> None:
    group = _group(5)
    group.frozen = {3, 4}
    group.run(4)
    assert group.lost() == {3, 4}


def _freeze_for(seconds: float) -> Callable[[Group], None]:
    def act(group: Group) -> None:
        group.frozen = {0}
        group.run(seconds)
        group.frozen = set()

    return act


def _set(**given: object) -> Callable[[Group], None]:
    def act(group: Group) -> None:
        for name, value in given.items():
            setattr(group, name, value)

    return act


@pytest.mark.parametrize(
    ("size", "act"),
    [
        pytest.param(2, _set(frozen={0}), id="of two the other decides nothing"),
        pytest.param(1, _set(stuck={0}), id="alone"),
        pytest.param(3, _freeze_for(1.5), id="a slow primary that lives"),
        pytest.param(3, _set(cut=_apart([0], [1])), id="the third hears both"),
        pytest.param(3, _set(mute=_apart([0], [1, 2])), id="its agent is gone, its port answers"),
        pytest.param(3, _set(frozen={1, 2}), id="the majority is gone"),
        pytest.param(5, _set(cut=_apart([0, 1], [2, 3, 4]), frozen={2}), id="no majority on either side"),
        pytest.param(5, _set(cut=_apart([0], [1, 2, 3])), id="a fourth hears it"),
        pytest.param(3, _set(frozen={0}, views={1: "1:3", 2: "1:4"}), id="the view is changing"),
        pytest.param(3, _set(frozen={0}, version="8.4.8"), id="of an older series"),
        pytest.param(3, _set(frozen={0}, states={0: view.ONLINE, 1: view.RECOVERING, 2: view.ONLINE}), id="joining"),
        pytest.param(
            3, _set(frozen={0}, states={0: view.UNREACHABLE, 1: view.ONLINE, 2: view.ONLINE}), id="the group suspects"
        ),
        pytest.param(3, _set(frozen={0}, states={1: view.ONLINE, 2: view.ONLINE}), id="it is out already"),
        pytest.param(3, _set(frozen={0}, stuck={1}), id="one survivor's server is stuck"),
    ],
)
def test_otherwise_nobody_is_removed(size: int, act: Callable[[Group], None]) -> None:
    group = _group(size)
    act(group)
    group.run(12)
    assert group.asked == []


def test_a_partition_removes_only_the_minority() -> None:
    group = _group(5)
    group.cut = _apart([0, 1], [2, 3, 4])
    group.run(4)
    assert {(one, lost) for one, lost, _ in group.asked} == {(one, lost) for one in (2, 3, 4) for lost in (0, 1)}


@pytest.mark.parametrize(
    ("size", "act", "alone"),
    [
        pytest.param(3, _set(cut=_apart([0], [1, 2])), {0}, id="a primary that is cut off"),
        pytest.param(5, _set(cut=_apart([0, 1], [2, 3, 4])), {0, 1}, id="the smaller side"),
        pytest.param(2, _set(cut=_apart([0], [1])), set(), id="of two neither can remove the other"),
        pytest.param(3, _set(frozen={0}), set(), id="the survivors"),
        pytest.param(3, _set(mute=_apart([0], [1, 2])), set(), id="its agent hears nobody, its server reaches all"),
    ],
)
def test_who_is_removed_refuses_clients_before_another_one_leads(
    size: int, act: Callable[[Group], None], alone: set[int]
) -> None:
    """Two reads of 665 were old in a drill of `partition`: the group needs seconds to let the old primary know."""
    group = _group(size)
    act(group)
    began, since = group.now, dict[int, float]()
    while group.now < began + 3:
        group.turn()
        for one in group.agents.keys() - group.frozen:
            if lost_members.alone_because(group.agents[one], group.sight(one), "mysql", group.now):
                since.setdefault(one, group.now)
    assert set(since) == alone
    assert all(at <= min(when for _, _, when in group.asked) + _TURN for at in since.values())


def test_an_agent_that_was_starved_begins_to_wait_again() -> None:
    group = _group()
    group.frozen = {0}
    group.run(1.5)
    group.now += 1.0  # nobody has turned
    before = group.now
    group.run(1.75)
    assert group.asked == []
    group.run(2)
    assert group.lost() == {0}
    assert min(at for _, _, at in group.asked) >= before + 2.0


def test_one_that_was_frozen_itself_misses_nobody_when_it_goes_on() -> None:
    group = _group()
    group.frozen = {1}
    group.run(1.75)
    group.frozen = {0}
    group.run(1.5)
    assert group.asked == []


def test_a_member_that_was_slow_is_waited_for_longer() -> None:
    group = _group()
    for _ in range(3):
        group.frozen = {0}
        group.run(1.5)
        group.frozen = set()
        group.run(2)
    assert group.asked == []
    began = group.now
    group.frozen = {0}
    group.run(2.75)
    assert group.asked == []
    group.run(3)
    assert group.lost() == {0}
    assert min(at for _, _, at in group.asked) > began + 2.75


def test_slowness_is_forgotten_and_a_fault_is_no_slowness() -> None:
    ear = lost_members.Ear(0.0).lived(1.9)
    assert ear.patience() == pytest.approx(3.8)
    for turn in range(600):
        ear = ear.lived(2.0 + turn * _TURN)
    assert ear.patience() < 2.5
    assert ear.lived(ear.at + 14).patience() == ear.patience()
    assert ear.lived(ear.at - 1) == ear


def test_the_group_is_not_asked_in_every_turn_nor_after_it_has_acted() -> None:
    group = _group()
    group.frozen = {0}
    group.run(20)
    for asker in (1, 2):
        times = [at for one, _, at in group.asked if one == asker]
        assert 1 < len(times) < 8
        assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(times))
        assert times[-1] < times[0] + 8


def test_nobody_who_was_never_heard_is_missed() -> None:
    memory = lost_members.Memory(1, b"1" * 8, 1000.0, 1000.0)
    assert memory.greeted(0, 1001.0) == memory
    assert not memory.missed(1100.0)
    said = heartbeat.Beat(0, b"0" * 8, 1)  # whose mysqld never answered
    assert not memory.hear(said, 1001.0).missed(1004.0)


def test_what_is_repeated_or_recorded_is_no_answer() -> None:
    """Whoever records datagrams can delay a removal, and bring none about."""
    group = _group()
    memory = group.agents[1]
    old = memory.ears[2].beat
    assert old is not None
    assert memory.hear(old, group.now) == memory
    assert memory.hear(replace(old, ordinal=1), group.now) == memory
    earlier = replace(old, session=b"earlier!", others={1: heartbeat.Heard(b"earlier!", 10**9, misses=True)})
    heard = memory.hear(earlier, group.now)
    assert not heard.ears[2].is_fresh(group.now)


def test_it_is_off_unless_the_lease_says_fast() -> None:
    record = view.GroupRecord(None, None, 0.0)
    assert lost_members.is_on(replace(record, failure_detection="fast"))
    for one in (None, record, replace(record, failure_detection="safe"), replace(record, failure_detection="FAST")):
        assert not lost_members.is_on(one)
    assert obituary.is_on(replace(record, failure_detection="fast", obituary="off")), "an obituary is the safer of both"


# --- bytes
def test_the_longest_datagram_fits_and_is_read_back() -> None:
    others = {one: heartbeat.Heard(b"x" * 8, 2**64 - 1, misses=True) for one in range(9)}
    beat = heartbeat.Beat(8, b"y" * 8, 2**64 - 1, b"z" * 8, 1e9, others)
    data = heartbeat.write(beat, _KEY)
    assert len(data) <= heartbeat.LONGEST
    found = heartbeat.read(data, [heartbeat.key("other", "mysql", "db"), _KEY])
    assert found == replace(beat, answered=(2**32 - 2) / 1000)
    assert heartbeat.read(data, [heartbeat.key("secret", "mysql", "other")]) is None


@pytest.mark.parametrize("ordinals", [[9], [0, 0], [255]])
def test_a_sealed_datagram_of_impossible_members_is_not_understood(ordinals: list[int]) -> None:
    beat = heartbeat.Beat(1, b"y" * 8, 1, others={one: heartbeat.Heard() for one in ordinals if one})
    whole = heartbeat.write(beat, _KEY)
    if ordinals == [0, 0]:
        text = bytearray(heartbeat.write(replace(beat, others={0: heartbeat.Heard()}), _KEY)[:-16])
        text[5] = 2
        text += text[-18:]
        whole = bytes(text) + heartbeat._seal(bytes(text), _KEY)
    assert heartbeat.read(whole, [_KEY]) is None


def test_a_view_is_never_none() -> None:
    assert heartbeat.view("", "") != heartbeat.NO_VIEW
    assert heartbeat.view("a", "1:2") != heartbeat.view("a", "1:3")
