"""What a backup's Job does with a repository into which others have written."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import backup as job
from mysqlops.core import backup, retention
from tests.unit.fakes.api import Clock
from tests.unit.test_backup import NOW, made
from tests.unit.test_trust import stored

ENV = {"MYSQLOPS_CLUSTER": "orders", "MYSQLOPS_NAMESPACE": "db", "ORIGIN": "uid"}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "copy" / "data").mkdir(parents=True)
    (tmp_path / "key").write_text("the key")
    monkeypatch.setattr(job, "_WORK", tmp_path)
    monkeypatch.setattr(job, "_SCRATCH", tmp_path)
    monkeypatch.setattr(job, "_COPY", tmp_path / "copy")
    monkeypatch.setattr(job, "_MANIFEST", tmp_path / "copy" / "manifest.json")
    monkeypatch.setattr(job, "_KEY", tmp_path / "key")
    return tmp_path


def _job(work: Path, snapshots: list[dict[str, Any]], **env: str) -> job.Job:
    (work / "snapshots.json").write_text(json.dumps(snapshots))
    clock = Clock()
    clock.wall = NOW
    return job.Job({**ENV, **env}, clock)


def _two() -> list[dict[str, Any]]:
    return [stored(made(1), "", "evil"), stored(made(1), "the key", "real")]


@pytest.mark.parametrize("chosen", ["evil", "real"])
def test_a_job_takes_the_very_entry_that_the_command_has_looked_at(work: Path, chosen: str) -> None:
    _job(work, _two(), BACKUP_ID="orders-1", SNAPSHOT=chosen).choose()
    assert (work / "chosen").read_text() == chosen
    with pytest.raises(errors.Refused, match="no backup orders-1"):
        _job(work, _two(), BACKUP_ID="orders-1", SNAPSHOT="gone").choose()


def test_a_scheduled_verification_takes_a_backup_that_the_cluster_has_sealed(work: Path) -> None:
    later = stored(made(2, NOW + timedelta(minutes=1)), "stolen", "evil")
    _job(work, [later, *_two()]).choose()
    assert (work / "chosen").read_text() == "real"
    with pytest.raises(errors.Refused, match="no backup of this cluster"):
        _job(work, [later]).choose()


def test_a_scheduled_pruning_forgets_no_real_backup_for_a_forged_one(work: Path) -> None:
    evil = [stored(made(n, NOW + timedelta(hours=n - 5)), "", f"evil{n}") for n in (1, 9)]
    keep = json.dumps(asdict(retention.Policy(last=1)))
    _job(work, [*evil, *_two()], KEEP=keep).expired()
    assert "real" not in (work / "forget").read_text().split()
    newer = stored(made(7, NOW), "the key", "newer")
    old = stored(made(1, NOW - timedelta(days=1)), "the key", "real")
    _job(work, [*evil, old, newer], KEEP=keep).expired()
    assert "real" in (work / "forget").read_text().split()
    (work / "key").unlink()  # agents of an older release: as before
    _job(work, [stored(made(1, NOW - timedelta(days=1)), "", "a"), stored(made(2, NOW), "", "b")], KEEP=keep).expired()
    assert (work / "forget").read_text().split() == ["a"]


def test_a_manifest_must_be_the_one_that_was_sealed(work: Path) -> None:
    manifest = work / "copy" / "manifest.json"
    manifest.write_text("{}")
    one = made(1, manifest=backup.digest(b"{}"))
    checking = _job(work, [stored(one, "the key", "real")], BACKUP_ID=one.id, SNAPSHOT="real")
    checking.choose()
    checking._check_manifest()
    manifest.write_text("{ }")
    with pytest.raises(errors.StepFailed, match="not the one that the backup's entry was made with"):
        checking.check()
    older = replace(one, manifest="")
    _job(work, [stored(older, "", "older")], BACKUP_ID=one.id).choose()
    checking._check_manifest()


def test_a_restored_volume_brings_no_identity_and_no_persisted_settings(work: Path) -> None:
    data = work / "copy" / "data"
    for name in ("auto.cnf", "mysqld-auto.cnf", "ibdata1"):
        (data / name).write_text("")
    _job(work, []).place()
    assert [one.name for one in (work / "data").iterdir()] == ["ibdata1"]
