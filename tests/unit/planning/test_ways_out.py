"""From every state in which a group runs and is not whole, some verb leads out, and no refusal leads round in a ring.

All mixtures of what two to four members may be: in the group as the primary sees it or outside it, with
all transactions, with fewer, or with nobody knows what (bug 28).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mysqlops.core import gtid, view
from mysqlops.errors import Reason, Refused
from mysqlops.planning import gate, scale, status
from tests.unit.clusters import DOWN, GROUP, judge, pod

LESS = f"{GROUP}:1-3"
OUTSIDE = {"role": "none", "label": "none", "online": 0, "group": ""}
# What a replica may be: is it in the view of the primary's group, and what does its agent say (None: no pod).
KINDS: dict[str, tuple[bool, dict[str, object] | None]] = {
    "serves": (True, {}),
    "recovers": (True, {"state": view.RECOVERING, "role": "none", "label": "none"}),
    "unreachable": (True, {**DOWN, "executed": ""}),
    "knocks": (False, {**OUTSIDE, "state": view.OFFLINE, "executed": LESS, "applier_failure": "error 1146"}),
    "waits": (False, {**OUTSIDE, "state": view.OFFLINE}),
    "down": (False, {**DOWN, "executed": "", "held": LESS}),
    "absent": (False, None),
}


@dataclass(frozen=True)
class World:
    """The members after the primary, which is `mysql-{leader}`."""

    kinds: tuple[str, ...]
    leader: int

    def seen(self) -> status.Status:
        ordinals = [number for number in range(len(self.kinds) + 1) if number != self.leader]
        inside = [f"mysql-{n}" for n, kind in zip(ordinals, self.kinds, strict=True) if KINDS[kind][0]]
        group = ",".join([f"mysql-{self.leader}", *inside])
        online = 1 + sum(kind == "serves" for kind in self.kinds)
        pods = [pod(f"mysql-{self.leader}", role="primary", group=group, online=online)]
        for number, kind in zip(ordinals, self.kinds, strict=True):
            facts = KINDS[kind][1]
            if facts is not None:
                pods.append(pod(f"mysql-{number}", **{"online": online, "group": group, **facts}))
        return judge(*pods, primary=(f"mysql-{self.leader}",), replicas=len(self.kinds) + 1)

    def has_majority(self) -> bool:
        inside = [kind for kind in self.kinds if KINDS[kind][0]]
        alive = 1 + sum(kind in ("serves", "recovers") for kind in inside)
        return 2 * alive > 1 + len(inside)


def worlds() -> Iterator[World]:
    for count in (1, 2, 3):
        for kinds in itertools.combinations_with_replacement(KINDS, count):
            for leader in {0, count}:
                if (world := World(kinds, leader)).has_majority() and set(kinds) != {"serves"}:
                    yield world


def rebuild(now: status.Status, member: str, *, accept_loss: bool = False) -> list[Reason]:
    """Why `member rebuild` refuses, as operations/member.py asks."""
    online = [one for one in now.members if one.state == view.ONLINE and one.name != member]
    answers = {one.name: gtid.GtidSet.parse(one.executed or "") for one in online}
    going = gate.Going(f"data-{member}", "uid", member, gate.held_by(now, member), "--accept-loss", repair=True)
    return gate.reasons(now, going, answers, accept_loss=accept_loss)


def resize(now: status.Status, target: int) -> list[Reason]:
    """Why `scale` refuses."""
    try:
        scale.check(now, target)
    except Refused as refusal:
        return list(refusal.reasons)
    return []


def refusals(now: status.Status) -> Iterator[tuple[str, list[Reason]]]:
    for one in now.members:
        if one.name != now.primary:
            yield f"member rebuild {one.name}", rebuild(now, one.name)
    for target in range(1, now.replicas + 2):
        if target != now.replicas:
            yield f"scale --replicas {target}", resize(now, target)


def is_refused(now: status.Status, hint: str) -> list[Reason] | None:
    """Why the command in a hint would be refused; None if it names no command that changes the cluster."""
    if found := re.search(r"member rebuild mysql (mysql-\d)", hint):
        accept_loss = rebuild(now, found[1])
        # Of a member that nobody can ask, the next hint is to accept the loss, which is a user's to decide.
        only_data = {one.code for one in accept_loss} <= {"unknown-data", "only-copy"}
        return rebuild(now, found[1], accept_loss=only_data)
    if found := re.search(r"scale mysql --replicas (\d)", hint):
        return resize(now, int(found[1]))
    return None


@pytest.mark.parametrize("world", list(worlds()), ids=lambda world: f"{world.leader}:{'+'.join(world.kinds)}")
def test_some_verb_leads_out_and_each_hint_is_a_command_that_works(world: World) -> None:
    now = world.seen()
    assert now.primary == f"mysql-{world.leader}"
    found = dict(refusals(now))
    outside = [one for one in now.members if one.name not in now.group]
    if "recovers" not in world.kinds:  # else it waits until that one serves, or has left
        assert all(not rebuild(now, one.name, accept_loss=True) for one in outside), "made again, it joins the group"
    for verb, reasons in found.items():
        for reason in reasons:
            refused = is_refused(now, reason.hint or "")
            assert not refused, f"{verb} is refused with hint {reason.hint!r}, which is refused: {refused}"
    leads_out = [verb for verb, reasons in found.items() if not reasons]
    is_passing = "recovers" in world.kinds or set(world.kinds) <= {"serves", "unreachable"}
    assert leads_out or is_passing or not {"knocks", "waits"} & {*world.kinds}, found


def test_the_last_members_of_a_running_group_are_kept() -> None:
    """Two of three are in the group: without one of them the other would be no majority of it."""
    now = World(("serves", "knocks"), 0).seen()
    assert now.group == ("mysql-0", "mysql-1")
    assert {one.code for one in rebuild(now, "mysql-1", accept_loss=True)} == {"no-majority"}
    assert rebuild(now, "mysql-2") == []


def test_a_verb_that_goes_from_member_to_member_keeps_a_majority_of_all() -> None:
    """A rollout that rebuilds must not go on to the next while the one before it is still outside."""
    now = World(("knocks", "knocks"), 0).seen()
    going = gate.Going("data-mysql-2", "uid", "mysql-2", gate.held_by(now, "mysql-2"))
    answers = {"mysql-0": gtid.GtidSet.parse(f"{GROUP}:1-5")}
    assert {one.code for one in gate.reasons(now, going, answers)} == {"no-majority"}
