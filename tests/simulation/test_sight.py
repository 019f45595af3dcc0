"""The proof that the simulator sees, on today's code: a finding's mechanisms are taken out, and its events show it.

Where several mechanisms hold a finding back, all of them go: one alone is what unit tests look at. Much more holds S3,
S4 and S6 back by now: no few changes show them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from mysqlops.core import group, gtid, names
from mysqlops.mysql import group_replication
from mysqlops.objects import claims
from mysqlops.operations import in_place, lock, observe, timeline_notes, vault
from mysqlops.planning import gate, membership, outage, standing
from tests.simulation import run, world
from tests.simulation.faults import Event
from tests.simulation.regressions import CASES, Case

Patch = pytest.MonkeyPatch


def _s1(patch: Patch) -> None:
    """A bootstrap flag that is left on is cleared by nobody, and no incarnation counts more than another."""
    plan = membership.plan

    def blind(situation: membership.Situation) -> Any:
        server = situation.server
        return plan(replace(situation, server=server and replace(server, bootstraps=False)))

    patch.setattr(membership, "plan", blind)
    patch.setattr(group_replication, "clear_bootstrap", lambda _: None)
    patch.setattr(standing, "foreign_because", lambda *_: "")


def _s2(patch: Patch) -> None:
    """A group that goes on without a member keeps its name, and the member may come back."""
    forming = group.forming

    def as_before(note: group.Note, *words: Any) -> group.Note:
        return replace(forming(note, *words), name=note.name, outcasts=note.outcasts)

    patch.setattr(group, "forming", as_before)
    patch.setattr(group, "name_of", lambda note, _: note.name)


def _s7(patch: Patch) -> None:
    """Nobody looks at the lock before a change."""
    patch.setattr(lock.Holding, "check", lambda _: None)
    patch.setattr(lock.Holding, "heed", lambda _: None)


def _s11(patch: Patch) -> None:
    """As many members are expected as are wanted, and `deploy` does not look at the other claims."""

    def wanted_only(self: group.Note, wanted: Iterable[str] = ()) -> dict[str, str]:
        return {pod: "" for pod in wanted if pod not in self.outcasts}

    patch.setattr(group.Note, "expected", wanted_only)
    patch.setattr(claims, "left_out", lambda *_: [])


def _s13(patch: Patch) -> None:
    """A member of which nobody knows what it holds holds nothing."""
    going = gate.going

    def empty(*words: Any) -> gate.Going:
        found = going(*words)
        return found if found.held is not None else replace(found, held=gtid.GtidSet())

    patch.setattr(gate, "going", empty)


def _s16(patch: Patch) -> None:
    """A server that starts throws away what it had received and not applied."""
    patch.setattr(world, "_drops_relay_log", lambda: True)


def _u3(patch: Patch) -> None:
    """An empty data directory in a member's pod is that member, and holds nothing."""
    unaccounted = outage._unaccounted

    def any_data(*words: Any) -> list[str]:
        return [why for why in unaccounted(*words) if outage.NOWHERE not in why]

    patch.setattr(outage, "_unaccounted", any_data)


def _no_copy(patch: Patch) -> None:
    """A restore in place leaves the members nothing but the group's name."""

    def name_alone(client: Any, name: str, _: Any) -> None:
        vault.write(client, name, names.KEY_GROUP_NAME, observe.group_name(client, name))

    patch.setattr(timeline_notes, "keep_copy", name_alone)


def _unnumbered(patch: Patch) -> None:
    """Restores have no numbers, as in older releases."""
    restored = group.Note.restored
    patch.setattr(group.Note, "restored", lambda self, before: replace(restored(self, before), restores=""))


def _joins_anything(patch: Patch) -> None:
    """Whoever a Lease from the past has as joining is expected, whatever it was joining."""

    def corrected(self: group.Note, past: group.Note) -> group.Note:
        return replace(self, joining={**self.joining, **past.joining})

    patch.setattr(group.Note, "corrected", corrected)


def _same_name(patch: Patch) -> None:
    """Data that was started under the name of the next does not keep it."""
    patch.setattr(in_place, "_is_used", lambda *_: False)


BROKEN: dict[str, Callable[[Patch], None]] = {
    "S1": _s1,
    "S2": _s2,
    "S7": _s7,
    "S11": _s11,
    "S13": _s13,
    "S16": _s16,
    "U3": _u3,
    "restored-without-a-copy": _no_copy,
    "way-back-and-a-lease-from-before": _unnumbered,
    "joining-what-was-left": _joins_anything,
    "started-under-the-next-name": _same_name,
}
# Of the two cases of S7, the lock's other halves still hold this one back.
_HELD_BACK = {("S7", 0)}
_SEEN = [one for one in CASES if one.finding in BROKEN and (one.finding, one.seed) not in _HELD_BACK]


@pytest.mark.parametrize("case", _SEEN, ids=lambda one: f"{one.finding}-{one.seed}")
def test_without_its_mechanisms_a_finding_is_seen_again(case: Case, monkeypatch: Patch) -> None:
    BROKEN[case.finding](monkeypatch)
    result = run.run(case.seed, case.scenario, case.events)
    assert case.saw in [kind for kind, _, _ in result.violations]


def test_what_was_acknowledged_before_a_restore_in_place_has_to_be_there_after_the_way_back() -> None:
    events = [Event(34.0, "verb", 0, 1.0, "restore-in-place"), Event(110.0, "verb", 0, 1.0, "revert")]
    made = run.Run(1, "in-place", events)

    def forget_the_last() -> None:
        for volume in made.world.existing():
            if volume.claim.startswith(f"data-{made.world.name}-"):
                volume.executed.discard([max(volume.executed, key=lambda gtid: gtid[1])])

    made.world.scheduler.at(100.0, forget_the_last)
    assert [kind for kind, _, _ in made.go().violations] == ["led without acknowledged writes"]
    assert any(at < 100.0 and "CLI restore-in-place 0: ok" in text for at, text in made.world.trace)


def test_a_failing_world_is_shrunk_to_what_matters_and_said_in_plain_words(monkeypatch: Patch) -> None:
    case = next(one for one in CASES if one.finding == "U3")
    _u3(monkeypatch)
    more = [Event(22.0, "kill-agent", 1, 5.0), *case.events, Event(131.0, "stale-cache", 1, 5.0)]
    shrunk = run.shrink(run.run(case.seed, case.scenario, more), tries=20)
    assert {event.kind for event in shrunk.events} <= {event.kind for event in case.events}
    words = run.story(shrunk).splitlines()
    assert words[0].startswith("seed 1, scenario wipe: mysql-")
    assert words[1:3] == ["events:", f"  {shrunk.events[0]}"]
