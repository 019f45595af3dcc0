"""What seeds draw: each fault and each verb that the simulator knows, in some scenario."""

from __future__ import annotations

import inspect

from tests.simulation import scenarios
from tests.simulation.faults import Faults
from tests.simulation.verbs import VERBS

_NOT_DRAWN = {
    "bring-back": "to as many members as an error names",
    "forward": "as an error says",
}


def _drawn() -> tuple[set[str], set[str]]:
    """Faults and verbs."""
    found = set[str]()
    for one in scenarios.ALL.values():
        found |= {*one.kinds, *(f"verb:{verb}" for verb in one.verbs)}
        found |= {key.partition("@")[0] for phase in one.phases for key in phase.kinds}
    verbs = {key.partition(":")[2] for key in found if key.startswith("verb:")}
    return {key.partition(":")[0] for key in found} - {"verb"}, verbs


def _faults() -> set[str]:
    """The methods that carry an event out, by its kind."""
    return {
        name.removeprefix("_").replace("_", "-")
        for name, method in inspect.getmembers(Faults, inspect.isfunction)
        if [*inspect.signature(method).parameters] == ["self", "event"]
        if inspect.signature(method).return_annotation == "None"
    } - {"strike"}


def test_seeds_draw_every_fault_and_only_faults_that_there_are() -> None:
    assert _drawn()[0] == _faults()


def test_seeds_draw_every_verb_but_those_that_a_user_learns_from_an_error() -> None:
    assert _drawn()[1] == VERBS.keys() - _NOT_DRAWN.keys()
