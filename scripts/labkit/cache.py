"""What is kept between runs, under the user's cache folder, keyed by the content of its inputs."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCES = Path(__file__).resolve().parent


def root() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return _folder(base / "mysqlops" / "lab")


def state(lab: str) -> Path:
    """A lab's keys, kubeconfig and storage pool: everything here goes with the lab."""
    return _folder(root() / "state" / lab, mode=0o700)


def _folder(path: Path, mode: int = 0o755) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=mode)
    return path


def digest(*parts: str | Path) -> str:
    """A short hash of texts, files, and folders of files."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(part.encode() + b"\0")
            continue
        for file in [part] if part.is_file() else sorted(_files(part)):
            total.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:12]


def _files(folder: Path) -> Iterable[Path]:
    return (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


@contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` only if nothing failed."""
    half = target.with_name(target.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    yield half
    shutil.rmtree(target, ignore_errors=True)
    half.rename(target)


def drop_others(kept: Path, pattern: str) -> None:
    """Remove earlier builds of the same thing: each is hundreds of megabytes."""
    for old in kept.parent.glob(pattern):
        if old != kept:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
