"""Which binary logs a restore fetches if others have written into the repository: those that the receiver stored."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from mysqlops.core import binlog
from mysqlops.kube import manifests

_RESTIC = r"""#!/bin/sh
# A snapshot is a folder; one that is missing cannot be restored.
while [ "$1" != --target ]; do shift; done
echo "$5" >>"$WORK/asked"
mkdir "$2"
cp "$WORK/../snapshots/$5/"* "$2"
"""
REAL = (b"one", b"two")


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder, self.work, self.replay = folder, folder / "work", folder / "scratch" / "replay"
        for one in (folder / "bin", folder / "run" / "target", self.work, folder / "scratch"):
            one.mkdir(parents=True)
        (folder / "bin" / "restic").write_text(_RESTIC)
        (folder / "bin" / "restic").chmod(0o755)
        (folder / "run" / "target" / "repository").write_text("/repository")

    def store(self, snapshot: str, *files: bytes) -> None:
        (self.folder / "snapshots" / snapshot).mkdir(parents=True)
        for number, content in enumerate((b"{}", *files)):
            name = f"relay.{number:06}" if number else "chunk.json"
            (self.folder / "snapshots" / snapshot / name).write_bytes(content)

    def fetch(self, *lines: str) -> int:
        (self.work / "logs").write_text("".join(f"{line}\n" for line in lines))
        script = manifests.read_text("backup/restic.sh")
        script = re.sub(r"/(work|scratch|run/target)\b", lambda found: f"{self.folder}{found[0]}", script)
        environment = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "WORK": str(self.work)}
        command = ["sh", "-c", script, "restic.sh", "fetch-logs"]
        return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60).returncode

    def fetched(self) -> list[bytes]:
        index = (self.replay / "relay.index").read_text().split() if (self.replay / "relay.index").exists() else []
        assert sorted(map(str, self.replay.glob("relay.0*"))) == index
        return [Path(one).read_bytes() for one in index]


def _digest(*files: bytes) -> str:
    digest = ""
    for file in files:
        digest = binlog.chained(digest, file)
    return digest


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.store("real", *REAL)
    made.store("other", b"evil", b"two")
    made.store("turned", b"two", b"one")
    made.store("more", *REAL, b"three")
    made.store("empty")
    made.store("next", b"three")
    return made


@pytest.mark.parametrize("evil", ["other", "turned", "more", "empty", "lost"])
def test_a_copied_entry_with_other_files_is_passed_over(repository: Repository, evil: str) -> None:
    for same in ((evil, "real"), ("real", evil)):
        lines = [f"{_digest(*REAL)} {' '.join(same)}", f"{_digest(b'three')} next"]
        assert repository.fetch(*lines) == 0
        assert repository.fetched() == [*REAL, b"three"]


def test_what_fits_is_fetched_once(repository: Repository) -> None:
    assert repository.fetch(f"{_digest(*REAL)} real other lost") == 0
    assert (repository.work / "asked").read_text().split() == ["real"]


def test_a_chunk_to_which_nothing_came_has_no_files(repository: Repository) -> None:
    assert repository.fetch("- other empty", f"{_digest(b'three')} next") == 0
    assert repository.fetched() == [b"three"]


def test_files_that_fit_nowhere_go_to_the_check_and_what_cannot_be_read_ends_the_step(repository: Repository) -> None:
    assert repository.fetch(f"{_digest(*REAL)} more other") == 0
    assert repository.fetched() == [b"evil", b"two"], "apply-logs refuses them"
    assert repository.fetch(f"{_digest(*REAL)} lost other") != 0, "the lost one may be the real one"
    assert repository.fetch(f"{_digest(*REAL)} lost") != 0


def test_agents_of_an_older_release_name_one_snapshot_for_each_chunk(repository: Repository) -> None:
    assert repository.fetch("real", "next") == 0
    assert repository.fetched() == [*REAL, b"three"]
    assert repository.fetch("- real") == 0, "a chunk of which it recorded no digest"
    assert repository.fetched() == [*REAL]
