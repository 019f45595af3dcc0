"""The chunk under way: the relay logs in its folder, the transactions in them, and until when it is complete.

It touches files only: it links relay logs into its folder and writes the facts next to them. It knows no server.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from mysqlops.core import binlog, receiving, relay_log
from mysqlops.core.gtid import Growing, GtidSet

_MIB = 1 << 20


class OpenChunk:
    """`chunk` is what it holds, `stored` the state that the repository has. `source` is the primary (server_uuid) that
    the receiver follows for it."""

    def __init__(self, chunk: binlog.Chunk, folder: Path, began: float) -> None:
        self.chunk, self.source = chunk, ""
        self.stored: binlog.Chunk | None = None
        self._folder, self._began = folder, began
        self._seen: set[str] = set()
        self._scanned = Growing()
        self._unfinished: relay_log.Transaction | None = None
        self._moments: tuple[int, ...] = ()  # when the first and the last were committed
        self._asked, self._said = receiving.Asked(), receiving.Asked()

    @classmethod
    def begin(cls, chunk: binlog.Chunk, folder: Path, now: float) -> OpenChunk:
        """An empty chunk in an empty folder."""
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
        return cls(chunk, folder, now)

    def take(self, files: Iterable[Path], received: GtidSet, foreign: str = "") -> list[str]:
        """Link the complete files into the folder and count their transactions; returns the names of those left out
        because they hold transactions of another history, the group `foreign`. Raises StorageError if one is
        damaged."""
        complete = Growing(received)
        if self._unfinished is not None and self._unfinished.gtid in complete:
            self._count(self._unfinished)
            self._unfinished = None
        left_out = [
            file.name for file in files if file.name not in self._seen and not self._add(file, complete, foreign)
        ]
        held, moments = self._scanned.whole(), [binlog.moment(at) for at in self._moments]
        self.chunk = replace(
            self.chunk,
            gtid=str(held),
            transactions=held.count(),
            first=min([*moments, self.chunk.first or "9999"]) if moments else self.chunk.first,
            last=max([*moments, self.chunk.last]),
        )
        return left_out

    def _add(self, file: Path, complete: Growing, foreign: str) -> bool:
        """Add one file; False if it belongs to another history. A transaction that continues in the next file is
        incomplete, and the server does not count it."""
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if foreign and any(
                transaction.gtid.startswith(foreign) for transaction in relay_log.transactions(data, file.name)
            ):
                return False
            has_any = False
            for transaction in relay_log.transactions(data, file.name):
                has_any = True
                if transaction.gtid in complete:
                    self._count(transaction)
                else:
                    self._unfinished = transaction
            is_empty = not has_any and relay_log.is_empty(data, file.name)
            digest = binlog.chained(self.chunk.digest, data)
        self._seen.add(file.name)
        if not is_empty:
            os.link(file, self._folder / file.name)
            size = self.chunk.size + file.stat().st_size
            self.chunk = replace(self.chunk, size=size, files=self.chunk.files + 1, digest=digest)
        return True

    def _count(self, one: relay_log.Transaction) -> None:
        if self._scanned.add(one.gtid):
            known = (*self._moments, one.committed)
            self._moments = (min(known), max(known))

    def note(self, source: receiving.Source, now: str) -> None:
        """What the primary reported at `now`, by its clock. A commit is dated shortly before it is visible: what was
        visible one turn ago is complete as of that turn."""
        self._said = receiving.said(self._said, self._asked, self.chunk, source)
        self.chunk = replace(self.chunk, until=max(binlog.just_before(self.chunk.last), self._said.now))
        self._asked = receiving.Asked(source.uuid, now, source.executed)

    def is_new(self) -> bool:
        """True if the repository should get the present state."""
        chunk, stored = self.chunk, self.stored
        if not chunk.until or stored is None:
            return bool(chunk.until)
        return chunk.gtid != stored.gtid or receiving.is_worth(stored.until, chunk.until)

    def write(self) -> None:
        """Write the facts into the folder, as the chunk's next state."""
        self.chunk = replace(self.chunk, revision=self.chunk.revision + 1)
        (self._folder / "chunk.json").write_text(json.dumps(asdict(self.chunk)))

    def proven(self) -> binlog.Chunk | None:
        """The stored state; if nothing came since, until when it is complete by now. None before the first one."""
        stored = self.stored
        return self.chunk if stored is not None and stored.gtid == self.chunk.gtid else stored

    def is_due(self, now: float, mib: float, seconds: float) -> bool:
        """True if it is stored, and so large or old that another chunk should begin."""
        is_over = self.chunk.size >= mib * _MIB or now - self._began >= seconds
        return is_over and bool(self.chunk.transactions) and self.chunk == self.stored
