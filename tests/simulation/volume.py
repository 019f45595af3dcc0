"""What lies on one claim's volume: transactions with their content, so that the same GTID with other content is seen.

`executed` is flushed at each commit (sync_binlog = 1). `relay` holds what the group delivered and this member has not
yet applied; it survives mysqld's death in the page cache, loses its tail (`unsynced`) with the power, all of it at a
start of mysqld with relay_log_recovery = ON (S16).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.accounts import OnVolume

Gtid = tuple[str, int]  # the group's or server's UUID, and the number


class Holdings:
    """A set of transactions, each with its content, and its text as the server writes it."""

    def __init__(self) -> None:
        self.content: dict[Gtid, int] = {}
        self._spans: dict[str, list[list[int]]] = {}
        self._text: str | None = ""

    def __contains__(self, gtid: Gtid) -> bool:
        return gtid in self.content

    def __len__(self) -> int:
        return len(self.content)

    def __iter__(self) -> Iterator[Gtid]:
        return iter(self.content)

    def add(self, gtid: Gtid, content: int) -> None:
        if gtid in self.content:
            return
        self.content[gtid] = content
        self._text = None
        spans = self._spans.setdefault(gtid[0], [])
        if spans and spans[-1][1] == gtid[1] - 1:
            spans[-1][1] = gtid[1]
        else:
            spans.append([gtid[1], gtid[1]])

    def discard(self, gtids: Iterable[Gtid]) -> None:
        for gtid in gtids:
            self.content.pop(gtid, None)
        left = self.content
        self.content, self._spans, self._text = {}, {}, None
        for gtid in sorted(left):
            self.add(gtid, left[gtid])

    def clear(self) -> None:
        self.content, self._spans, self._text = {}, {}, ""

    def highest(self, name: str) -> int:
        return max((span[1] for span in self._spans.get(name, ())), default=0)

    def text(self) -> str:
        if self._text is None:
            parts = []
            for name in sorted(self._spans):
                spans = _merged(self._spans[name])
                parts.append(":".join([name, *(f"{a}" if a == b else f"{a}-{b}" for a, b in spans)]))
            self._text = ",".join(parts)
        return self._text


def _merged(spans: list[list[int]]) -> list[list[int]]:
    merged: list[list[int]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    return merged


@dataclass
class Channel:
    """An ordinary replica's, as the server's tables keep it: whence, that server's UUID once it has connected, and what
    it received and has not applied yet."""

    host: str
    source: str = ""
    relay: Holdings = field(default_factory=Holdings)


@dataclass
class Volume:
    """One claim's data. `uuid` is the server's own name, which lies in the data directory (auto.cnf)."""

    uid: str
    claim: str
    node: str
    uuid: str = ""
    exists: bool = True
    version: str = ""  # of the newest server that ran on it: an older one refuses it
    executed: Holdings = field(default_factory=Holdings)
    relay: Holdings = field(default_factory=Holdings)
    unsynced: set[Gtid] = field(default_factory=set)
    thrown_away: set[Gtid] = field(default_factory=set)  # by relay_log_recovery = ON
    channel: Channel | None = None
    purged: str = ""
    accounts: OnVolume | None = None  # where a world has passwords
    is_restored: bool = False  # a Job has put a backup there, and no server has started on it since
    size: int = 10 << 30
    is_full: bool = False
    is_broken: bool = False  # no mysqld starts on it

    def holds(self, gtid: Gtid, content: int) -> bool:
        return any(one.content.get(gtid) == content for one in self._all())

    def _all(self) -> list[Holdings]:
        return [self.executed, self.relay, *([self.channel.relay] if self.channel else [])]

    def known(self) -> set[Gtid]:
        return {gtid for one in self._all() for gtid in one.content}

    def highest(self, name: str) -> int:
        return max(self.executed.highest(name), self.relay.highest(name))

    def find(self, gtid: Gtid) -> int | None:
        return next((one.content[gtid] for one in self._all() if gtid in one.content), None)

    def receive(self, gtid: Gtid, content: int) -> None:
        if gtid not in self.executed and gtid not in self.relay:
            self.relay.add(gtid, content)
            self.unsynced.add(gtid)

    def take_over(self, other: Volume, name: str = "") -> None:
        """All that the other one holds; with a name only transactions of that group."""
        for gtid, content in (*other.executed.content.items(), *other.relay.content.items()):
            if not name or gtid[0] == name:
                self.receive(gtid, content)

    def apply(self) -> None:
        if len(self.relay):
            for gtid, content in self.relay.content.items():
                self.executed.add(gtid, content)
            self.relay.clear()
        self.unsynced.clear()

    def throw_relay_away(self) -> None:
        self.thrown_away.update(self.relay)
        self.relay.clear()

    def lose_tail(self) -> None:
        """The power went: the relay log was not flushed."""
        self.relay.discard(self.unsynced)
        self.unsynced.clear()
        if self.channel is not None:
            self.channel.relay.clear()

    def copy_from(self, donor: Volume) -> None:
        """A clone: everything that the donor has committed; the server's own UUID stays."""
        self.empty()
        for gtid, content in donor.executed.content.items():
            self.executed.add(gtid, content)
        self.purged = self.executed.text()
        self.accounts = donor.accounts.copy() if donor.accounts else None

    def empty(self) -> None:
        self.executed, self.relay, self.unsynced, self.purged = Holdings(), Holdings(), set(), ""
        self.channel = self.accounts = None
