"""Receives the primary's binary logs and stores them, a few seconds later, next to the backups.

Two sidecars do the work: a mysqld that only receives, and restic. What is not stored yet is lost with the pod, and is
requested again from the primary. Only the repository knows where to continue.
"""

from __future__ import annotations

import json
import mmap
import os
import secrets
import signal
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import api, log, settings
from mysqlops.agent.jobs import peers, store
from mysqlops.clock import Clock, SystemClock
from mysqlops.core import backup, binlog, names, receiving, relay_log
from mysqlops.core.gtid import Growing, GtidSet
from mysqlops.mysql import connect, receiver

_RELAY, _CHUNK = Path("/scratch/relay"), Path("/scratch/chunk")
_SOCKET = "/scratch/mysqld.sock"
_CA = "/run/ca/ca.crt"
_CATCH_UP_SECONDS = 10.0
_GAP_SECONDS, _LOOK_SECONDS = 15.0, 600.0  # with a gap, and without
_RETRY_SECONDS = 3.0
_MIB = 1 << 20
_UNSETTLED = "the primary has not yet applied everything that it received from its predecessor"


class Ship:
    """One receiver; `environment` is what objects/binlog.py sets."""

    def __init__(self, environment: Mapping[str, str] = os.environ, clock: Clock | None = None) -> None:
        self._env, self._clock = environment, clock or SystemClock()
        self._cluster, self._namespace = environment["MYSQLOPS_CLUSTER"], environment["MYSQLOPS_NAMESPACE"]
        self._every = float(environment["EVERY"])
        self._api = api.Api(self._namespace, settings.SERVICE_ACCOUNT)
        self._store = store.Store(self._clock)
        self._log = log.Log(self._clock)
        self._over = threading.Event()
        self._chunk: binlog.Chunk | None = None
        self._stored: binlog.Chunk | None = None
        self._began, self._looked_at = 0.0, -_LOOK_SECONDS
        self._scanned = Growing()
        self._open: relay_log.Transaction | None = None
        self._moments: tuple[int, ...] = ()  # when the first and the last were committed
        self._seen: set[str] = set()
        self._asked, self._said = receiving.Asked(), receiving.Asked()
        self._source = ""
        self._gap = ""

    def run(self) -> None:
        """Runs until the pod is stopped; everything received is stored before it ends."""
        signal.signal(signal.SIGTERM, lambda *_: self._over.set())
        while not self._over.is_set():
            started = self._clock.monotonic()
            self._report(trouble := self._try_turn())
            is_under_way = self._chunk is not None and self._chunk.until
            pause = self._every if is_under_way and not trouble else _RETRY_SECONDS
            self._over.wait(max(1.0, pause - (self._clock.monotonic() - started)))
        if self._chunk is not None:
            self._report(self._try_turn())

    def _try_turn(self) -> str:
        """Run one turn; returns the error, empty if there was none."""
        try:
            self._turn()
        except errors.MysqlopsError as error:
            self._log.say_if_new("trouble", str(error))
            return str(error)
        self._log.say_if_new("trouble", "")
        return ""

    def _turn(self) -> None:
        with self._local() as server:
            # Read before the primary is asked: what arrives in between proves nothing.
            had = receiver.receiving(server)
            with connect.connect_tcp(self._primary(), peers.login()) as primary:
                now, source = receiver.now(primary), receiver.source(primary)
            # Before connecting: a new history must not enter the old one's chunk, and connecting clears errors.
            if self._chunk is not None and (why := self._cannot_go_on(had, source)):
                self._end(server, source, why)
            if self._chunk is None:
                self._begin(server, source)
            self._keep_connected(server, source)
            self._await(server, source.executed)
            self._collect(server)
        self._note_until(source)
        self._asked = receiving.Asked(source.uuid, now, source.executed)
        self._store_if_new()
        self._let_go_if_due(source)
        self._look_after_gap()

    def _begin(self, server: connect.Server, source: receiving.Source) -> None:
        snapshots = self._store.snapshots()
        start = receiving.start(peers.owner(self._env), source, *peers.held(self._env, snapshots))
        if start.gap and not source.is_settled:
            raise errors.WaitTimeout(_UNSETTLED)
        if start.gap:
            self._log.say(f"gap: {start.gap}")
        self._gap, self._looked_at = start.gap, -_LOOK_SECONDS
        self._new_chunk(server, source.group, start)

    def _end(self, server: connect.Server, source: receiving.Source, why: str) -> None:
        """Store the complete files of the chunk's own history; the next chunk starts from what the repository holds."""
        self._log.say(f"starting over: {why}")
        receiver.stop(server)
        try:
            assert self._chunk is not None  # noqa: S101
            self._collect(server, foreign=source.group if source.group != self._chunk.group else "")
            self._store_if_new()
        finally:
            self._chunk = None

    def _new_chunk(self, server: connect.Server, group: str, start: receiving.Start) -> None:
        self._chunk = None  # until all is done: an interrupted start is repeated
        receiver.begin(server, self._primary(), _CA, start.before)
        _CHUNK.mkdir(exist_ok=True)
        for file in _CHUNK.iterdir():
            file.unlink()
        self._scanned, self._seen, self._source = Growing(), set(), ""
        self._open, self._moments, self._asked, self._said = None, (), receiving.Asked(), receiving.Asked()
        self._began = self._clock.monotonic()
        # After a node is lost, two receivers may run for a moment: they must never use the same chunk name.
        made = f"{self._cluster}-binlog-{self._clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        origin = self._env["ORIGIN"]
        facts = (made, self._cluster, self._namespace, origin, group, str(start.before))
        self._chunk, self._stored = (
            binlog.Chunk(*facts, number=start.number, signed=backup.SIGNED if peers.key() else backup.UNSIGNED),
            None,
        )
        self._log.say(f"{made} begins after {start.before or 'nothing'}")

    def _keep_connected(self, server: connect.Server, source: receiving.Source) -> None:
        """Stay connected to the primary: another member might lag, so a member that loses the role is left at once."""
        now = receiver.receiving(server)
        if not now.is_connected or source.uuid not in (self._source, now.source):
            receiver.connect_to_source(server, peers.login())
            self._source = source.uuid

    def _cannot_go_on(self, had: receiver.Receiving, source: receiving.Source) -> str:
        assert self._chunk is not None  # noqa: S101
        if had.error in receiver.PURGED and source.group == self._chunk.group:
            return had.why
        why = receiving.not_on_because(self._chunk, had.received, source)
        if why is None:
            raise errors.WaitTimeout(_UNSETTLED)
        return why

    def _await(self, server: connect.Server, executed: GtidSet) -> None:
        """Wait until everything that the primary had is received; raises WaitTimeout with the reason if it is not."""
        assert self._chunk is not None  # noqa: S101
        wanted = executed.subtract(GtidSet.parse(self._chunk.before))
        deadline = self._clock.monotonic() + _CATCH_UP_SECONDS
        while not wanted.is_subset((now := receiver.receiving(server)).received):
            if now.error:
                raise errors.WaitTimeout(f"not receiving: {now.why}")
            if self._clock.monotonic() > deadline:
                return  # there is a backlog: store what has arrived so far
            self._clock.sleep(0.1)

    def _collect(self, server: connect.Server, foreign: str = "") -> None:
        """Put the complete files into the chunk's folder and count their transactions, except files with transactions
        of another history, the group `foreign`. A damaged file is received again: raises StorageError."""
        assert self._chunk is not None  # noqa: S101
        receiver.rotate(server)
        complete = Growing(receiver.receiving(server).received)
        if self._open is not None and self._open.gtid in complete:
            self._count(self._open)
            self._open = None
        try:
            for file in sorted(_RELAY.glob("relay.[0-9]*"))[:-1]:
                if file.name not in self._seen:
                    self._take(file, complete, foreign)
        except errors.StorageError:
            self._chunk = None
            raise
        held, moments = self._scanned.whole(), [binlog.moment(at) for at in self._moments]
        self._chunk = replace(
            self._chunk,
            gtid=str(held),
            transactions=held.count(),
            first=min([*moments, self._chunk.first or "9999"]) if moments else self._chunk.first,
            last=max([*moments, self._chunk.last]),
        )

    def _take(self, file: Path, complete: Growing, foreign: str) -> None:
        """Add one file. A transaction that continues in the next file is incomplete, and the server does not count
        it."""
        assert self._chunk is not None  # noqa: S101
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if foreign and any(one.gtid.startswith(foreign) for one in relay_log.transactions(data, file.name)):
                self._log.say(f"{file.name} holds transactions of another history: not stored")
                return
            has_any = False
            for one in relay_log.transactions(data, file.name):
                has_any = True
                if one.gtid in complete:
                    self._count(one)
                else:
                    self._open = one
            is_empty = not has_any and relay_log.is_empty(data, file.name)
            digest = binlog.chained(self._chunk.digest, data)
        self._seen.add(file.name)
        if is_empty:
            return
        os.link(file, _CHUNK / file.name)
        size = self._chunk.size + file.stat().st_size
        self._chunk = replace(self._chunk, size=size, files=self._chunk.files + 1, digest=digest)

    def _count(self, one: relay_log.Transaction) -> None:
        if self._scanned.add(one.gtid):
            known = (*self._moments, one.committed)
            self._moments = (min(known), max(known))

    def _note_until(self, source: receiving.Source) -> None:
        """A commit is dated shortly before it is visible: what was visible one turn ago is complete as of that turn."""
        assert self._chunk is not None  # noqa: S101
        self._said = receiving.said(self._said, self._asked, self._chunk, source)
        self._chunk = replace(self._chunk, until=max(binlog.just_before(self._chunk.last), self._said.now))

    def _store_if_new(self) -> None:
        chunk, stored = self._chunk, self._stored
        assert chunk is not None  # noqa: S101
        if not chunk.until:
            return
        if stored is not None and chunk.gtid == stored.gtid and not receiving.is_worth(stored.until, chunk.until):
            return
        chunk = self._chunk = replace(chunk, revision=chunk.revision + 1)
        (_CHUNK / "chunk.json").write_text(json.dumps(asdict(chunk)))
        self._store.put(_CHUNK, binlog.tags(chunk, peers.key()))
        self._stored = chunk
        self._log.say(f"stored {chunk.transactions} transactions, complete until {chunk.until}")

    def _let_go_if_due(self, source: receiving.Source) -> None:
        """Start another chunk, so that the disk does not grow, and forget snapshots of the old one's earlier states."""
        chunk = self._chunk
        assert chunk is not None  # noqa: S101
        is_large = chunk.size >= float(self._env["CHUNK_MIB"]) * _MIB
        is_old = self._clock.monotonic() - self._began >= float(self._env["CHUNK_SECONDS"])
        if chunk != self._stored or not chunk.transactions or not (is_large or is_old):
            return
        try:
            self._store.forget(binlog.superseded(self._store.snapshots(), peers.keys(self._env)))
        except errors.StorageError as error:
            self._log.say_if_new("forget", f"earlier states stay; the repository may be append-only: {error}")
        with self._local() as server:
            self._new_chunk(server, source.group, receiving.Start(chunk.after, number=chunk.number + 1))

    def _look_after_gap(self) -> None:
        """Check whether any backup can be recovered to now, judged by the repository: the receiver may be new, and a
        backup made since then does not need what is missing."""
        pause = _GAP_SECONDS if self._gap else _LOOK_SECONDS
        if self._clock.monotonic() - self._looked_at < pause or self._chunk is None or self._stored is None:
            return
        self._looked_at = self._clock.monotonic()
        snapshots = self._store.snapshots()
        if binlog.can_reach_now(self._chunk, *peers.held(self._env, snapshots)):
            self._gap = ""
        else:
            self._gap = self._gap or "no backup in the target can be recovered to the present"

    def _report(self, trouble: str) -> None:
        chunk, stored = self._chunk, self._stored
        is_stored = chunk is not None and stored is not None and chunk.gtid == stored.gtid
        known = chunk if is_stored else stored
        told = binlog.Report(
            at=f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}",
            until=known.until if known else "",
            target=self._env["TARGET"],
            every=self._every,
            transactions=stored.transactions if stored else 0,
            size=stored.size if stored else 0,
            trouble=trouble[:300],
            gap=self._gap[:300],
        )
        change = {"metadata": {"annotations": {names.ANNOTATION_BINLOG: json.dumps(asdict(told))}}}
        try:
            self._api.patch("coordination.k8s.io/v1", "leases", names.receiver(self._cluster), change)
            self._log.say_if_new("api", "")
        except errors.KubeError as error:
            self._log.say_if_new("api", f"the API server: {error}")

    def _primary(self) -> str:
        return f"{names.primary_service(self._cluster)}.{self._namespace}.svc"

    def _local(self) -> connect.Server:
        return connect.connect_socket(connect.Login("root", ""), path=_SOCKET)
