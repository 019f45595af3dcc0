"""restic in the container beside this one (manifests/backup/restic.sh serve), asked by files, one step at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mysqlops import errors
from mysqlops.clock import Clock

_WORK = Path("/work")
_ANSWER_SECONDS = 300.0


class Store:
    """Raises StorageError with restic's words, or if it does not answer in time."""

    def __init__(self, clock: Clock, work: Path = _WORK) -> None:
        self._clock, self._work, self._todo = clock, work, work / "todo"

    def snapshots(self) -> list[dict[str, Any]]:
        """All of mysqlops that the repository holds."""
        self._await_idle()
        self._ask("look")
        found: list[dict[str, Any]] = json.loads((self._work / "snapshots.json").read_text() or "[]") or []
        return found

    def put(self, folder: Path, tags: list[str]) -> None:
        """Store a folder as one snapshot."""
        self._await_idle()
        self._write("tags", tags)
        self._ask("store", str(folder))

    def forget(self, snapshots: list[str]) -> None:
        """Remove snapshots without freeing what only they used: the next pruning does."""
        if snapshots:
            self._await_idle()
            self._write("forget", snapshots)
            self._ask("forget-only")

    def _write(self, name: str, lines: list[str]) -> None:
        (self._work / name).write_text("".join(f"{line}\n" for line in lines))

    def _await_idle(self) -> None:
        """A step that was given up may still run, with the files of then: its end says nothing of this one."""
        deadline = self._clock.monotonic() + _ANSWER_SECONDS
        while self._todo.exists():
            if self._clock.monotonic() > deadline:
                raise errors.StorageError(f"no answer from the repository: {self._todo.read_text()}")
            self._clock.sleep(0.1)

    def _ask(self, *words: str) -> None:
        """The answer's first line is the exit status, the rest what was said."""
        done, half = self._work / "done", self._work / "todo.part"
        done.unlink(missing_ok=True)
        half.write_text(" ".join(words))
        half.rename(self._todo)
        self._await_idle()
        if not done.exists():
            raise errors.StorageError(f"{words[0]}: restic's container was restarted meanwhile")
        status, _, told = done.read_text().partition("\n")
        if status != "0":
            raise errors.StorageError(f"{words[0]}: {told.strip()[-300:] or f'restic ended with {status}'}")
