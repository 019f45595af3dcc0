"""What a Job believes of a volume snapshot: the member's data, and nothing that lies beside it. Code in the member's
container can write there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from mysqlops.kube import manifests

# `restic restore` writes the record of the backup; a server ends at once.
_RESTIC = '#!/bin/sh\nmkdir -p "$WORK/../scratch/copy"\necho ours >"$WORK/../scratch/copy/manifest.json"\n'
_MYSQLD = "#!/bin/sh\nexit 0\n"


class Volume:
    """/scratch of a Job whose volume began as a member's, and /work."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work, self.scratch = folder, folder / "work", folder / "scratch"
        for one in (folder / "bin", folder / "run" / "target", self.work, self.scratch / "data"):
            one.mkdir(parents=True)
        for name, text in (("restic", _RESTIC), ("mysqld", _MYSQLD)):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        (folder / "run" / "target" / "repository").write_text("/repository")
        (self.scratch / "data" / "ibdata1").write_text("the member's")
        self.chooses("snapshot")

    def chooses(self, method: str) -> None:
        (self.work / "method").write_text(method)
        (self.work / "chosen").write_text("s1")

    def run(self, script: str, *words: str, **more: str) -> str:
        script = script.replace("while :; do sleep 1; done", "exit 0")
        script = re.sub(r"/(work|scratch|run/target)\b", lambda found: f"{self.folder}{found[0]}", script)
        environment = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "WORK": str(self.work), **more}
        command = ["sh", "-c", script, "script", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    def fetch(self) -> str:
        return self.run(manifests.read_text("backup/restic.sh"), "fetch")

    def recover(self) -> None:
        self.run(manifests.read_text("backup/logical.sh") + manifests.read_text("backup/mysqld.sh"), RECOVER="yes")

    def files(self) -> list[str]:
        found = (one for one in self.scratch.rglob("*") if one.is_file() or one.is_symlink())
        return sorted(str(one.relative_to(self.scratch)) for one in found)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def _plant(volume: Volume, *names: str) -> None:
    for name in names:
        file = volume.scratch / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text("evil")


COMPARED = ["copy/data/ibdata1", "copy/manifest.json"]  # what the next steps start and compare


@pytest.mark.parametrize(
    "planted",
    [(), ("restored",), ("restored", "restored-from"), ("copy/data/evil", "copy/applying"), ("restored-from/s1",)],
)
def test_what_lies_beside_the_data_of_a_member_does_not_say_that_it_was_compared(
    volume: Volume, planted: tuple[str, ...]
) -> None:
    _plant(volume, *planted)
    volume.fetch()
    assert volume.files() == COMPARED
    assert (volume.scratch / "copy" / "data" / "ibdata1").read_text() == "the member's"


def test_a_link_beside_the_data_does_not_either(volume: Volume) -> None:
    """The Job's own files are in the pod: a link to one of them holds the right word."""
    _plant(volume, "restored")
    (volume.scratch / "restored-from").symlink_to(volume.work / "chosen")
    (volume.scratch / "copy").symlink_to(volume.work)
    volume.fetch()
    assert volume.files() == COMPARED
    assert (volume.work / "chosen").read_text() == "s1"


def test_what_an_earlier_run_has_compared_and_put_into_its_place_stays(volume: Volume) -> None:
    volume.fetch()
    volume.fetch()
    assert volume.files() == COMPARED, "killed before the comparison"
    _plant(volume, "copy/applying")
    volume.fetch()
    assert volume.files() == ["copy/applying", *COMPARED], "and while binary logs were applied"
    (volume.scratch / "restored-from").write_text("s1")
    volume.fetch()
    assert "data/ibdata1" not in volume.files(), "killed before the data was in its place"
    (volume.scratch / "copy" / "data").rename(volume.scratch / "data")
    assert "keeping it" in volume.fetch()
    assert "data/ibdata1" in volume.files()
    (volume.work / "chosen").write_text("s2")
    volume.fetch()
    assert volume.files() == COMPARED, "another backup"


def test_other_backups_are_fetched_unless_their_data_is_in_its_place(volume: Volume) -> None:
    volume.chooses("archive")
    assert "keeping it" in volume.fetch()
    assert volume.files() == ["data/ibdata1"]
    (volume.scratch / "data").rename(volume.scratch / "copy")
    volume.fetch()
    assert volume.files() == ["copy/manifest.json"]


def test_a_new_backup_is_of_the_data_that_the_member_used(volume: Volume) -> None:
    _plant(volume, "copy/data/evil", "restored")
    volume.recover()
    assert volume.files() == ["copy/data/ibdata1", "restored"]
