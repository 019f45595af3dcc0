"""Verbs on the repository, and on whole clusters: they do what they are for, and what would go wrong is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mysqlops.core import retention
from mysqlops.core.plan import Plan
from mysqlops.core.rehearsal import Rehearsal
from mysqlops.operations import delete, rehearsal
from mysqlops.operations.session import Session
from tests.simulation import jobs, run, store
from tests.simulation.faults import Event
from tests.simulation.regressions import CASES

Patch = pytest.MonkeyPatch


def _at(at: float, verb: str) -> Event:
    return Event(at, "verb", 0, 5.0, verb)


def _world(scenario: str, events: Sequence[Event], until: float) -> run.Run:
    """One that ends soon after its events."""
    made = run.Run(1, scenario, events)
    made.scenario = replace(made.scenario, until=until)
    return made


def _ended(result: run.Result, verb: str) -> set[str]:
    """How the runs of a verb ended."""
    return {key.removeprefix(f"{verb} ") for key in result.commands if key.startswith(f"{verb} ")}


def test_a_purged_cluster_comes_back_from_its_backup_under_its_name() -> None:
    made = _world("purged", [_at(35.0, "purge"), _at(50.0, "restore-as")], 60.0)
    result = made.go()
    assert (result.violations, result.outside) == ([], [])
    assert _ended(result, "restore-as") == {"ok"}
    assert any(made.world.ledger._restored.values()), "and holds what the backup has"


def test_errors_lead_out_of_the_loss_of_all_volumes() -> None:
    """`restore --as` filled a claim, and no group was ever formed: `recover`, which `status` named, had nobody."""
    result = _world("purged", [_at(35.0, "lose-everything"), _at(45.0, "restore-as")], 50.0).go()
    assert (result.violations, result.outside) == ([], [])
    assert _ended(result, "restore-as") == {"refused"}
    assert _ended(result, "restore-in-place") == {"ok"}


def test_a_backup_is_rehearsed_and_objects_come_back_beside_it() -> None:
    events = [Event(35.0, "delete-object", 0, 4.0), _at(40.0, "rehearse"), _at(45.0, "doctor-fix")]
    made = _world("backups", events, 60.0)
    result = made.go()
    assert (result.violations, result.outside) == ([], [])
    assert (_ended(result, "rehearse"), _ended(result, "doctor-fix")) == ({"ok"}, {"ok"})
    assert made.world.find("PodDisruptionBudget", made.world.name) is not None


def test_a_purge_that_reaches_a_cluster_that_came_since_is_found(monkeypatch: Patch) -> None:
    """It was stopped on its way, and goes by names."""
    events = next(case.events for case in CASES if case.finding == "deleted-by-name")
    plan = delete.plan

    def by_name(*words: object, **options: bool) -> Plan:
        return Plan(tuple(replace(step, uid="") for step in plan(*words, **options).steps))  # type: ignore[arg-type]

    monkeypatch.setattr(delete, "plan", by_name)
    assert [kind for kind, _, _ in run.run(1, "purged", events).violations] == ["strange object deleted"]


def test_a_rehearsal_that_changes_the_cluster_is_found(monkeypatch: Patch) -> None:
    """It has no lock: it may change nothing but its own objects and its note."""
    execute = rehearsal.execute

    def also_restarts(session: Session, name: str, what: rehearsal.Rehearsing) -> Rehearsal:
        session.client.patch("StatefulSet", name, {"metadata": {"annotations": {"restarted": "yes"}}})
        return execute(session, name, what)

    monkeypatch.setattr(rehearsal, "execute", also_restarts)
    assert [kind for kind, _, _ in _world("backups", [_at(35.0, "rehearse")], 60.0).go().violations] == ["lock"]


def test_a_history_that_loses_its_last_backup_is_found(monkeypatch: Patch) -> None:
    monkeypatch.setattr(store, "_MORE_TIMES", ())
    monkeypatch.setattr(jobs, "_BACKUP_TIMES", (30.0,))
    events = [_at(40.0, "backup-delete")]
    result = _world("backups", events, 60.0).go()
    assert (result.violations, _ended(result, "backup-delete")) == ([], {"refused"})
    monkeypatch.setattr(retention, "irreplaceable", lambda *_: [])
    result = _world("backups", events, 60.0).go()
    assert [kind for kind, _, _ in result.violations] == ["last backup deleted"]
