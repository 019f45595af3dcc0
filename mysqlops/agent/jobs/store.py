"""restic in the neighbouring container (manifests/backup/restic.sh serve), controlled by files, one step at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mysqlops import errors
from mysqlops.clock import Clock
from mysqlops.core import facts

_WORK = Path("/work")
_ANSWER_SECONDS = 300.0


class Store:
    """Raises StorageError with restic's message, or if it does not answer in time."""

    def __init__(self, clock: Clock, work: Path = _WORK) -> None:
        self._clock, self._work, self._todo = clock, work, work / "todo"

    def snapshots(self) -> list[dict[str, Any]]:
        """All snapshots of mysqlops in the repository."""
        self._await_idle()
        self._ask("look")
        return facts.listed((self._work / "snapshots.json").read_text())

    def put(self, folder: Path, tags: list[str]) -> None:
        """Store a folder as one snapshot."""
        self._await_idle()
        self._write("tags", tags)
        self._ask("store", str(folder))

    def forget(self, snapshots: list[str]) -> None:
        """Remove snapshots without freeing their space: the next prune does that."""
        if snapshots:
            self._await_idle()
            self._write("forget", snapshots)
            self._ask("forget-only")

    def _write(self, name: str, lines: list[str]) -> None:
        (self._work / name).write_text("".join(f"{line}\n" for line in lines))

    def _await_idle(self) -> None:
        """Wait until no step runs: an abandoned one may still run with older files, and its end says nothing about
        ours."""
        deadline = self._clock.monotonic() + _ANSWER_SECONDS
        while self._todo.exists():
            if self._clock.monotonic() > deadline:
                raise errors.StorageError(f"no answer from the repository: {self._todo.read_text()}")
            self._clock.sleep(0.1)

    def _ask(self, *words: str) -> None:
        """Run one step; the first line of the answer is the exit status, the rest is the output."""
        done, half = self._work / "done", self._work / "todo.part"
        done.unlink(missing_ok=True)
        half.write_text(" ".join(words))
        half.rename(self._todo)
        self._await_idle()
        if not done.exists():
            raise errors.StorageError(f"{words[0]}: restic's container was restarted meanwhile")
        status, _, printed = done.read_text().partition("\n")
        if status != "0":
            raise errors.StorageError(f"{words[0]}: {printed.strip()[-300:] or f'restic ended with {status}'}")
