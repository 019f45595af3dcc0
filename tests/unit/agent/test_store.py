"""The talk with restic's container by files: an answer counts only for the step that was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mysqlops.agent.jobs import store
from mysqlops.clock import SystemClock
from mysqlops.errors import StorageError


class Restic(SystemClock):
    """A clock whose sleep is the other container's time to act: it may be slow, and answers with a status."""

    def __init__(self, work: Path, *, slow: int = 0, status: str = "0") -> None:
        self.work, self.slow, self.status = work, slow, status
        self.asked: list[tuple[str, str]] = []
        self._now = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._now, UTC)

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds
        todo = self.work / "todo"
        if self.slow > 0:
            self.slow -= 1
        elif todo.exists():
            tags = self.work / "tags"
            self.asked.append((todo.read_text(), tags.read_text() if tags.exists() else ""))
            (self.work / "done").write_text(f"{self.status}\nwhat it said")
            todo.unlink()


def test_a_step_is_asked_for_and_its_answer_read(tmp_path: Path) -> None:
    restic = Restic(tmp_path)
    store.Store(restic, tmp_path).put(Path("/chunk"), ["a", "b"])
    assert restic.asked == [("store /chunk", "a\nb\n")]
    with pytest.raises(StorageError, match="store: what it said"):
        store.Store(Restic(tmp_path, status="11"), tmp_path).put(Path("/chunk"), ["a"])


def test_the_late_answer_to_an_earlier_step_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    restic = Restic(tmp_path, slow=3005)
    asking = store.Store(restic, tmp_path)
    with pytest.raises(StorageError, match="no answer"):
        asking.put(Path("/chunk"), ["early"])
    asking.put(Path("/chunk"), ["late"])
    assert restic.asked == [("store /chunk", "early\n"), ("store /chunk", "late\n")]


def test_a_container_that_was_started_anew_has_not_answered(tmp_path: Path) -> None:
    class Restarted(Restic):
        def sleep(self, seconds: float) -> None:
            (self.work / "todo").unlink()

    with pytest.raises(StorageError, match="was restarted"):
        store.Store(Restarted(tmp_path), tmp_path).snapshots()
