"""How the agent's program is imported: from a folder that the containers of a pod share, or from memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mysqlops.operations import bundle

_ENTER = """
import sys
sys.path.insert(0, sys.argv[1])
import mysqlops_agent
mysqlops_agent.enter(sys.argv[2])
from mysqlops.agent import questions
print(questions.__file__)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (file := tmp_path / "agent.pyz").write_bytes(bundle.build().content)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (made := tmp_path / "bytecode").mkdir()
    return made


def _imported_from(program: Path, folder: Path) -> str:
    words = [sys.executable, "-B", "-I", "-c", _ENTER, str(program), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_it_is_unpacked_and_compiled_once(program: Path, folder: Path) -> None:
    place = folder / bundle.build().version
    file = place / "program" / "mysqlops" / "agent" / "questions.py"
    assert _imported_from(program, folder) == str(file)
    (kept,) = (place / "bytecode").rglob("questions.*.pyc")
    before = file.stat().st_mtime_ns, kept.stat().st_mtime_ns, kept.stat().st_ino
    assert _imported_from(program, folder) == str(file)
    assert (file.stat().st_mtime_ns, kept.stat().st_mtime_ns, kept.stat().st_ino) == before
    assert list((place / "bytecode").rglob("socket.*.pyc")), "the standard library's too: a stock image has none"
    assert [one.name for one in folder.iterdir()] == [place.name]
    assert place.stat().st_mode & 0o777 == 0o700


def _by_others(place: Path) -> None:
    place.mkdir()
    place.chmod(0o777)


def _elsewhere(place: Path) -> None:
    (other := place.parent.parent / "other").mkdir()
    place.symlink_to(other)


@pytest.mark.parametrize("spoil", [_by_others, _elsewhere, Path.touch])
def test_a_folder_that_others_can_write_to_is_not_used(
    program: Path, folder: Path, spoil: Callable[[Path], None]
) -> None:
    place = folder / bundle.build().version
    spoil(place)
    assert _imported_from(program, folder).startswith("/proc/self/fd/")
    assert [one.name for one in folder.iterdir()] == [place.name], "nothing half unpacked is left"


def test_what_was_half_unpacked_or_of_another_version_is_not_used(program: Path, folder: Path) -> None:
    for name in (".0123456789abcdef", "0.0.1-0123456789ab"):
        (agent := folder / name / "program" / "mysqlops" / "agent").mkdir(parents=True)
        (agent / "questions.py").write_text("raise SystemExit(1)")
    assert _imported_from(program, folder).startswith(f"{folder / bundle.build().version}/")


def test_without_a_folder_or_room_in_it_the_program_runs_from_memory(program: Path, tmp_path: Path) -> None:
    assert _imported_from(program, tmp_path / "none").startswith("/proc/self/fd/")
    assert _imported_from(program, Path("/proc/self")).startswith("/proc/self/fd/")
