"""A real repository, with the Job's own scripts and programs: whoever has its password may store other files under the
tags of a backup, seals included. They are not the cluster's backup."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mysqlops.core import backup
from mysqlops.core.target import DEFAULT_IMAGE
from mysqlops.errors import Refused
from mysqlops.operations import bundle, restic, signing
from tests.conftest import missing
from tests.database.containers import docker, must_answer
from tests.unit.operations.test_backup import made

_SCRIPT = restic.templates().scripts["restic.sh"]
_RESTIC = os.environ.get("MYSQLOPS_RESTIC_IMAGE", DEFAULT_IMAGE)
_PYTHON = os.environ.get("MYSQLOPS_AGENT_IMAGE", "python:3.13-slim")
_KEY = "the key"
_KEYS = backup.Keys("db", {"orders": _KEY})
_MANIFEST = b'{"contents": {}}'
_FOLDERS = {"work": "/work", "scratch": "/scratch", "repository": "/repository", "target": "/run/target"}


class Repository:
    """The folders of a Job's pod, whose steps are run one by one."""

    def __init__(self, root: Path) -> None:
        self.root, self.copy = root, root / "scratch" / "copy"
        for folder in (*_FOLDERS, "agent", "login"):
            (root / folder).mkdir()
        (root / "target" / "repository").write_text("/repository")
        (root / "target" / "password").write_text("of the target")
        (root / "login" / "key").write_text(_KEY)
        (root / "agent" / "agent.pyz").write_bytes(bundle.build().content)
        self.data = self.copy / "data"
        self.data.mkdir(parents=True)
        (self.data / "ibdata1").write_bytes(b"rows of ours")
        (self.copy / "manifest.json").write_bytes(_MANIFEST)
        self.step("init")

    def step(self, *words: str) -> str:
        """What a step of restic says last."""
        said = self.shell(_SCRIPT, "restic.sh", *words)
        return said.splitlines()[-1] if said else ""

    def shell(self, script: str, *words: str) -> str:
        mounts = [word for folder, path in _FOLDERS.items() for word in ("-v", f"{self.root / folder}:{path}")]
        inside = ("--network", "none", *mounts, "--entrypoint", "sh", _RESTIC, "-c", script)
        return docker("run", "--rm", "--user", "0:0", *inside, *words)

    def program(self, name: str) -> subprocess.CompletedProcess[str]:
        mounts = {"work": "/work", "agent": "/agent", "login": "/run/login"}
        folders = [word for one, path in mounts.items() for word in ("-v", f"{self.root / one}:{path}")]
        words = ("docker", "run", "--rm", "--user", "0:0", "--network", "none", *folders, "--entrypoint", "", _PYTHON)
        inside = ("python3", "/agent/agent.pyz", name)
        return subprocess.run([*words, *inside], capture_output=True, text=True, timeout=120, check=False)

    def store(self, one: backup.Backup) -> dict[str, Any]:
        """A backup's Job, killed before it has sealed what it stored; what restic says of it."""
        self.write("tags", backup.tags(one, _KEY))
        told: dict[str, Any] = json.loads(self.step("store-copy", "/scratch/copy"))
        return told

    def seal(self) -> None:
        done = self.program("backup-seal")
        assert done.returncode == 0, done.stderr
        self.step("store", "/work/seal")

    def write(self, name: str, lines: list[str]) -> None:
        (self.root / "work" / name).write_text("".join(f"{line}\n" for line in lines))

    def snapshots(self) -> list[dict[str, Any]]:
        self.step("look")
        found: list[dict[str, Any]] = json.loads((self.root / "work" / "snapshots.json").read_text())
        return found


def _signed(snapshots: list[dict[str, Any]]) -> dict[str, str]:
    """What `backup list` shows under SIGNED, by restic's id."""
    return {one.snapshot: one.signed for one in backup.catalogue(snapshots, keys=_KEYS)}


@pytest.fixture
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Repository]:
    must_answer(request.config)
    try:
        docker("image", "inspect", _RESTIC)
    except AssertionError:
        missing(request.config, "lab", f"image {_RESTIC} (MYSQLOPS_RESTIC_IMAGE; scripts/lab env)")
    yield Repository(tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_other_files_under_the_tags_of_a_backup_are_not_the_backup(repository: Repository) -> None:
    one = made(1, manifest=backup.digest(_MANIFEST))
    real = repository.store(one)["snapshot_id"]
    repository.seal()
    entries = repository.snapshots()
    assert _signed(entries) == {real: backup.SIGNED}
    # He changes a file that is not compared, stores all under every tag that he finds, and deletes the real ones.
    (repository.data / "ibdata1").write_bytes(b"DEFINERS OF HIS")
    for entry in entries:
        repository.write("tags", entry["tags"])
        repository.step("store", "/scratch/copy")
    listed = _signed(repository.snapshots())
    (evil,) = set(listed) - {real}
    assert listed == {real: backup.SIGNED, evil: backup.FACTS}
    repository.write("forget", [entry["id"] for entry in entries])
    repository.step("forget-only")
    (found,) = backup.catalogue(repository.snapshots(), keys=_KEYS)
    assert (found.snapshot, found.manifest) == (evil, backup.digest(_MANIFEST))
    with pytest.raises(Refused, match="only its record is sealed"):
        signing.check(found, accepted=False)


def test_a_job_that_was_killed_before_it_sealed_leaves_what_counts_for_nothing(repository: Repository) -> None:
    half = repository.store(made(1))["snapshot_id"]
    whole = repository.store(made(2))["snapshot_id"]
    repository.seal()
    assert _signed(repository.snapshots()) == {half: backup.FACTS, whole: backup.SIGNED}
    # Nobody seals afterwards what somebody else may have put there meanwhile.
    repository.write("tags", backup.tags(made(3), _KEY))
    done = repository.program("backup-seal")
    assert done.returncode != 0
    assert "is not the one that this Job requested" in done.stderr


def test_an_earlier_snapshot_does_not_say_what_a_file_holds(repository: Repository) -> None:
    """restic takes a file that looks unchanged for what the last snapshot of the folder says: anybody may write one."""
    first = repository.store(made(1))
    assert first["files_new"] == 2
    again = repository.store(made(2))
    assert (again["files_unmodified"], again["files_new"]) == (0, 2)


def test_a_copy_to_another_repository_stays_signed(repository: Repository) -> None:
    repository.store(made(1))
    repository.seal()

    other = "restic -r /scratch/other --password-file /run/target/password"
    source = "--from-repo /repository --from-password-file /run/target/password"
    repository.shell(f"{other} init && {other} copy {source}")
    (repository.root / "target" / "repository").write_text("/scratch/other")
    (found,) = backup.catalogue(repository.snapshots(), keys=_KEYS)
    assert found.signed == backup.SIGNED
    (repository.root / "work" / "chosen").write_text(found.snapshot)
    (repository.root / "work" / "method").write_text(found.method)
    shutil.rmtree(repository.copy)
    repository.step("fetch")
    assert (repository.data / "ibdata1").read_bytes() == b"rows of ours"


def test_a_backup_that_cannot_be_stored_fails_with_restics_words(repository: Repository) -> None:
    (repository.root / "target" / "password").write_text("another")
    repository.write("tags", backup.tags(made(1), _KEY))
    with pytest.raises(AssertionError, match="wrong password"):
        repository.step("store-copy", "/scratch/copy")
    assert not (repository.root / "work" / "stored.json").exists()
