"""What an agent remembers of its group, and its next run goes on from, when the Lease is from the past."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import cast

import pytest

from mysqlops.agent import pod, remembered
from mysqlops.planning import member_actions, standing
from tests.unit.agent.test_obituary import _Clock
from tests.unit.core.test_group import LATER, PAST, _planned, online, record

OWN = online("8", 0, 1, 2, primary=0, me=0)


class _Memory:
    """The pod's, which outlives its agent."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.writes = 0

    def standing(self) -> str | None:
        return self.text

    def note_standing(self, text: str) -> None:
        self.text, self.writes = text, self.writes + 1


class _World:
    """An agent that may end and begin again."""

    def __init__(self) -> None:
        self.memory, self.clock = _Memory(), _Clock()
        self.begin()

    def begin(self) -> None:
        self.agent = remembered.Remembered(cast("pod.Pod", self.memory), self.clock)
        self.agent.load()

    def look(self, at: float, read_at: float | None = None) -> standing.Present:
        self.clock.seconds = at
        seen = None if read_at is None else record(LATER, acquired="11:00", read_at=read_at)
        self.agent.look(OWN, at, seen, standing.UNKNOWN)
        return self.agent.present


@pytest.fixture(name="world")
def _world() -> _World:
    world = _World()
    world.look(100.0)
    world.look(101.0, 100.5)
    return world


def test_an_agent_that_starts_again_takes_a_lease_from_the_past_for_what_it_is(world: _World) -> None:
    """Its member would bar itself for what its group has written since, and so would all."""
    world.clock.seconds = 104.0
    world.begin()
    present = world.look(104.5)
    assert present.known == LATER
    restored = record(PAST, read_at=105.0)
    assert isinstance(_planned(OWN, restored, present), member_actions.Serve)
    corrected = standing.noted("mysql-0", OWN, restored, present.since, present.known)
    assert corrected is not None
    assert (corrected.incarnation, corrected.count()) == ("8", LATER.count())


def test_a_lease_that_its_former_run_has_read_says_nothing_to_it(world: _World) -> None:
    world.clock.seconds = 104.0
    world.begin()
    assert world.look(104.5).since == 104.0


def test_where_nobody_looked_for_long_nothing_is_remembered(world: _World) -> None:
    """The server may have been frozen, and show a group that is over."""
    world.clock.seconds = 111.5
    world.begin()
    assert world.look(111.5).known == standing.UNKNOWN
    assert world.look(112.5, 112.0).known == LATER, "until it reads it itself"


def test_who_was_paused_leaves_nothing_to_the_next_run(world: _World) -> None:
    assert world.look(180.0).known == standing.UNKNOWN
    world.clock.seconds = 181.0
    world.begin()
    assert world.look(181.5).known == standing.UNKNOWN


def test_nor_does_a_member_of_another_group(world: _World) -> None:
    world.clock.seconds = 104.0
    world.begin()
    world.agent.look(online("9", 0, primary=0, me=0), 104.5, None, standing.UNKNOWN)
    assert world.agent.present.known == standing.UNKNOWN


def test_it_is_kept_once_a_second_and_whenever_the_lease_has_grown(world: _World) -> None:
    before = world.memory.writes
    for turn in range(8):
        world.look(101.25 + turn / 4, 100.5)
    assert world.memory.writes == before + 2
    grown = record(replace(LATER, joins="10"), acquired="11:00", read_at=103.0)
    world.clock.seconds = 103.1
    world.agent.look(OWN, 103.1, grown, standing.UNKNOWN)
    assert world.memory.writes == before + 3
    world.begin()
    assert world.agent.present.known.count() == 10


_GOOD = {"incarnation": "8", "at": 5.0, "known": '{"incarnation":"8","joins":"9"}'}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "{",
        json.dumps(_GOOD | {"at": 11.0}),  # by another clock: the node has started again
        json.dumps(_GOOD | {"at": "5"}),
        json.dumps(_GOOD | {"at": float("nan")}),
        json.dumps(_GOOD | {"incarnation": "7"}),
        json.dumps(_GOOD | {"known": "?"}),
        json.dumps(_GOOD | {"known": 1}),
        json.dumps(_GOOD | {"known": "{}", "incarnation": ""}),
    ],
)
def test_what_cannot_be_read_is_not_remembered(text: str | None) -> None:
    assert standing.remembered(json.dumps(_GOOD), 10.0).known.count() == 9
    assert standing.remembered(text, 10.0) == standing.Present()
