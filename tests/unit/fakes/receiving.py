"""What the receiver of binary logs talks to: a primary, a server that only receives, restic beside it, and time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from mysqlops import errors
from mysqlops.core import relay_log
from mysqlops.core.gtid import GtidSet
from tests.unit.fakes.api import Clock

GROUP, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
_GTID, _ROTATION = 33, 4


def _event(kind: int, body: bytes) -> bytes:
    return relay_log._HEADER.pack(0, kind, 1, relay_log._HEADER.size + len(body), 0, 0) + body


def _transaction(gtid: str, committed: int) -> bytes:
    uuid, _, number = gtid.rpartition(":")
    before = b"\0" + UUID(uuid).bytes + int(number).to_bytes(8, "little") + bytes(17)
    return _event(_GTID, before + committed.to_bytes(relay_log._STAMP_BYTES, "little"))


class Primary:
    """Whoever leads: `commit` is what clients do."""

    def __init__(self, clock: Clock, uuid: str = "p1") -> None:
        self.clock, self.uuid, self.group = clock, uuid, GROUP
        self.executed, self.purged, self.received = GtidSet(), GtidSet(), GtidSet()
        self.times: dict[str, int] = {}
        self.is_settled, self.is_down = True, False

    def commit(self, *numbers: int, group: str = "") -> None:
        for number in numbers:
            gtid = f"{group or self.group}:{number}"
            self.executed = self.executed.union(GtidSet.parse(gtid))
            self.times[gtid] = round(self.clock.now().timestamp() * 1e6)

    def __enter__(self) -> Primary:
        return self

    def __exit__(self, *_: object) -> None: ...

    def scalar(self, sql: str) -> datetime:
        assert sql == "SELECT UTC_TIMESTAMP(6)"
        return self.clock.now()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        assert "@@group_replication_group_name" in sql
        sets = (str(self.executed), str(self.purged), str(self.received))
        return [(self.uuid, self.group, *sets, int(self.is_settled))]


class Receiver:
    """The mysqld beside the program. `half` is a transaction whose end has not come: it is in the file already."""

    def __init__(self, relay: Path, primary: Callable[[], Primary]) -> None:
        self.relay, self._primary = relay, primary
        self.before, self.got = GtidSet(), GtidSet()
        self.is_connected, self.source, self.error, self.why = False, "", 0, ""
        self.number, self.open, self.half = 0, b"", ""
        self.log: list[str] = []

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None: ...

    def scalar(self, sql: str) -> str:
        return "9.7.4"

    def execute_secret(self, sql: str, what: str) -> None:
        self.log.append(what)
        self.is_connected, self.source, self.error = True, self._primary().uuid, 0

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if "replication_connection_status" in sql:
            self._receive()
            state = "ON" if self.is_connected else "OFF"
            return [(state, self.source, str(self.got), self.error, self.why)]
        self.log.append(sql)
        if sql.startswith("STOP"):
            self.is_connected = False
        elif sql.startswith("RESET"):
            self._forget()
        elif sql.startswith("SET GLOBAL gtid_purged"):
            self.before = GtidSet.parse(parameters[0])
        elif sql == "FLUSH RELAY LOGS":
            self._close()
        else:
            assert sql.startswith("CHANGE REPLICATION SOURCE"), sql
        return []

    def _forget(self) -> None:
        for file in self.relay.iterdir():
            file.unlink()
        self.got, self.number, self.open = GtidSet(), 0, b""

    def _receive(self) -> None:
        primary = self._primary()
        if not self.is_connected or primary.uuid != self.source:
            self.is_connected = False
            return
        if lost := primary.purged.subtract(self.before).subtract(self.got):
            self.is_connected, self.error, self.why = False, 1236, f"purged: {lost}"
            return
        wanted = primary.executed.subtract(self.before).subtract(self.got)
        for gtid, at in primary.times.items():
            if GtidSet.parse(gtid).is_subset(wanted):
                is_known = self.half == gtid and gtid.encode() in self.open
                self.open += b"" if is_known else _transaction(gtid, at)
                if gtid != self.half:
                    self.got = self.got.union(GtidSet.parse(gtid))

    def _close(self) -> None:
        """The file is whole, and another one begins."""
        self.number += 1
        (self.relay / f"relay.{self.number:06}").write_bytes(relay_log.MAGIC + _event(_ROTATION, b"x") + self.open)
        self.open = b""
        (self.relay / f"relay.{self.number + 1:06}").write_bytes(relay_log.MAGIC)


class Restic:
    """The container beside, which answers by files; it works while the program sleeps."""

    def __init__(self, work: Path) -> None:
        self.work, self.fails = work, ""
        self.snapshots: list[dict[str, Any]] = []
        self.files: dict[str, dict[str, bytes]] = {}

    def act(self) -> None:
        todo = self.work / "todo"
        if not todo.exists():
            return
        word, _, folder = todo.read_text().partition(" ")
        if word == self.fails:
            (self.work / "done").write_text("1\nFatal: the repository is away")
        else:
            {"look": self._look, "store": lambda: self._store(Path(folder)), "forget-only": self._forget}[word]()
            (self.work / "done").write_text("0\n")
        todo.unlink()

    def _lines(self, name: str) -> list[str]:
        return (self.work / name).read_text().splitlines()

    def _look(self) -> None:
        (self.work / "snapshots.json").write_text(json.dumps(self.snapshots))

    def _store(self, folder: Path) -> None:
        made = f"s{len(self.files) + 1}"
        self.files[made] = {one.name: one.read_bytes() for one in folder.iterdir()}
        self.snapshots.append({"id": made, "tags": self._lines("tags")})

    def _forget(self) -> None:
        gone = self._lines("forget")
        self.snapshots = [one for one in self.snapshots if one["id"] not in gone]


class Turns:
    """Stands for the event that ends the program: before each of its waits ends, the next step of the story happens."""

    def __init__(self, clock: Clock, steps: Sequence[Callable[[], object]]) -> None:
        self._clock, self._left = clock, list(steps)

    def is_set(self) -> bool:
        return not self._left

    def set(self) -> None:
        self._left = []

    def wait(self, seconds: float) -> None:
        self._clock.sleep(seconds)
        self._left.pop(0)()


class World:
    """All of it, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock()
        self.clock.wall = datetime(2026, 1, 1, 12, tzinfo=UTC)
        for name in ("work", "relay"):
            (folder / name).mkdir()
        self.primary = Primary(self.clock)
        self.receiver = Receiver(folder / "relay", lambda: self.primary)
        self.restic = Restic(folder / "work")
        self.clock.turn = self.restic.act
        self.reports: list[dict[str, Any]] = []

    def connect(self, *_: Any, **__: Any) -> Primary:
        if self.primary.is_down:
            raise errors.ConnectFailed("mysql-primary does not answer")
        return self.primary

    def lose_pod(self) -> None:
        """With all that was on its disk."""
        shutil.rmtree(self.folder / "relay")
        shutil.rmtree(self.folder / "chunk", ignore_errors=True)
        (self.folder / "relay").mkdir()
        self.receiver = Receiver(self.folder / "relay", lambda: self.primary)
