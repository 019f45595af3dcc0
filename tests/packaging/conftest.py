"""The wheel and the sdist, built once; and places to install them that nothing else has touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import missing

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 300


@dataclass(frozen=True)
class Built:
    wheel: Path
    sdist: Path


def tool(name: str) -> str:
    """A program of the development environment, or of the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        pytest.fail(f"{name} is not installed: scripts/setup")
    return found


def run(*words: str | Path, **more: str) -> str:
    """What the program prints; it sees nothing of this checkout nor of this user's settings."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "MYSQLOPS_", "KUBE", "VIRTUAL"))
    }
    done = subprocess.run(
        [str(word) for word in words],
        env=kept | more,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def build(source: Path, into: Path, **more: str) -> Built:
    """The wheel is built from the sdist, as installers do that find no wheel."""
    run(tool("uv"), "build", "--quiet", "--out-dir", into, source, **more)
    (wheel,), (sdist,) = into.glob("*.whl"), into.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="session")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    index = subprocess.run(
        [tool("uv"), "pip", "compile", "--quiet", "--no-header", "-"],
        input="hatchling>=1.27",
        capture_output=True,
        text=True,
        check=False,
    )
    if index.returncode:
        missing(request.config, "packaging", "a package index")
    return build(ROOT, tmp_path_factory.mktemp("built"))


def interpreter(request: pytest.FixtureRequest, version: str) -> Path:
    """CPython of that version: of the PATH, of pyenv, or of uv."""
    found = [Path(path) for path in [shutil.which(f"python{version}")] if path and _is_usable(Path(path), version)]
    for folder in (Path.home() / ".pyenv" / "versions", Path.home() / ".local" / "share" / "uv" / "python"):
        found += sorted(folder.glob(f"*{version}.*/bin/python3"))
    if not found:
        missing(request.config, "packaging", f"Python {version} (on the PATH, in pyenv or from `uv python install`)")
    return found[0]


def _is_usable(python: Path, version: str) -> bool:
    """pyenv puts programs on the PATH that only say which versions it has."""
    asked = subprocess.run([python, "--version"], capture_output=True, text=True, check=False)
    return asked.returncode == 0 and asked.stdout.startswith(f"Python {version}.")
