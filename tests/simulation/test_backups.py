"""Verbs on the repository, and on whole clusters: they do what they are for, and what would go wrong is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mysqlops.core import retention
from mysqlops.core.plan import Plan
from mysqlops.operations import delete, lock
from tests.simulation import jobs, run, store
from tests.simulation.faults import Event

Patch = pytest.MonkeyPatch


def _at(at: float, verb: str, who: int = 0) -> Event:
    return Event(at, "verb", who, 5.0, verb)


def _ended(result: run.Result, verb: str) -> set[str]:
    """How the runs of a verb ended."""
    return {key.removeprefix(f"{verb} ") for key in result.commands if key.startswith(f"{verb} ")}


def test_a_purged_cluster_comes_back_from_its_backup_under_its_name() -> None:
    made = run.Run(1, "purged", [_at(55.0, "purge"), _at(75.0, "restore-as")])
    result = made.go()
    assert (result.violations, result.outside) == ([], [])
    assert _ended(result, "restore-as") == {"ok"}
    assert any(made.world.ledger._restored.values()), "and holds what the backup has"


def test_errors_lead_out_of_the_loss_of_all_volumes() -> None:
    """`restore --as` filled a claim, and no group was ever formed: `recover`, which `status` named, had nobody."""
    result = run.run(1, "purged", [_at(40.0, "lose-everything"), _at(75.0, "restore-as")])
    assert (result.violations, result.outside) == ([], [])
    assert _ended(result, "restore-as") == {"refused"}
    assert _ended(result, "restore-in-place") == {"ok"}


def test_a_backup_is_rehearsed_and_objects_come_back_beside_it() -> None:
    events = [Event(35.0, "delete-object", 0, 4.0), _at(40.0, "rehearse"), _at(45.0, "doctor-fix")]
    made = run.Run(1, "backups", events)
    result = made.go()
    assert (result.violations, result.outside) == ([], [])
    assert (_ended(result, "rehearse"), _ended(result, "doctor-fix")) == ({"ok"}, {"ok"})
    assert made.world.find("PodDisruptionBudget", made.world.name) is not None


def test_a_purge_that_reaches_a_cluster_that_came_since_is_found(monkeypatch: Patch) -> None:
    """Stopped for longer than its lock lasts; it goes by names, and nobody looks at the lock."""
    stops = Event(39.0, "trap-cli", 0, 90.0, "stop DELETE StatefulSet")
    events = [stops, _at(40.0, "purge"), _at(75.0, "purge"), _at(95.0, "restore-as")]
    assert run.run(1, "purged", events).violations == []
    plan = delete.plan

    def by_name(*words: object, **options: bool) -> Plan:
        return Plan(tuple(replace(step, uid="") for step in plan(*words, **options).steps))  # type: ignore[arg-type]

    monkeypatch.setattr(delete, "plan", by_name)
    monkeypatch.setattr(lock.Holding, "check", lambda _: None)
    monkeypatch.setattr(lock.Holding, "heed", lambda _: None)
    kinds = [kind for kind, _, _ in run.run(1, "purged", events).violations]
    assert "strange object deleted" in kinds


def test_a_history_that_loses_its_last_backup_is_found(monkeypatch: Patch) -> None:
    monkeypatch.setattr(store, "_MORE_TIMES", ())
    monkeypatch.setattr(jobs, "_BACKUP_TIMES", (30.0,))
    events = [_at(40.0, "backup-delete")]
    result = run.run(1, "backups", events)
    assert (result.violations, _ended(result, "backup-delete")) == ([], {"refused"})
    monkeypatch.setattr(retention, "irreplaceable", lambda *_: [])
    assert [kind for kind, _, _ in run.run(1, "backups", events).violations] == ["last backup deleted"]
