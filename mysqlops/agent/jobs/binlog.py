"""Receives the primary's binary logs and stores them, a few seconds later, next to the backups.

Two sidecars do the work: a mysqld that only receives, and restic. What is not stored yet is lost with the pod, and is
requested again from the primary. Only the repository knows where to continue.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import api, log, settings
from mysqlops.agent.jobs import peers, store
from mysqlops.agent.jobs.open_chunk import OpenChunk
from mysqlops.clock import Clock, SystemClock
from mysqlops.core import backup, binlog, instant, names, receiving
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import connect, receiver

_RELAY, _CHUNK = Path("/scratch/relay"), Path("/scratch/chunk")
_SOCKET = "/scratch/mysqld.sock"
_CA = "/run/ca/ca.crt"
_CATCH_UP_SECONDS = 10.0
_GAP_SECONDS, _LOOK_SECONDS = 15.0, 600.0  # with a gap, and without
_RETRY_SECONDS = 3.0
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
        self._open: OpenChunk | None = None
        self._proven: binlog.Chunk | None = None  # the last stored state, even if a new chunk has begun since
        self._looked_at = -_LOOK_SECONDS
        self._gap = ""

    def run(self) -> None:
        """Runs until the pod is stopped; everything received is stored before it ends."""
        signal.signal(signal.SIGTERM, lambda *_: self._over.set())
        while not self._over.is_set():
            started = self._clock.monotonic()
            self._report(trouble := self._try_turn())
            is_under_way = self._open is not None and self._open.chunk.until
            pause = self._every if is_under_way and not trouble else _RETRY_SECONDS
            self._over.wait(max(1.0, pause - (self._clock.monotonic() - started)))
        if self._open is not None:
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
            with peers.ask(self._primary()) as primary:
                now, source = receiver.now(primary), receiver.source(primary)
            # Before connecting: a new history must not enter the old one's chunk, and connecting clears errors.
            if self._open is not None and (why := self._cannot_go_on(self._open.chunk, had, source)):
                self._end(server, self._open, source, why)
            chunk = self._open or self._begin(server, source)
            self._keep_connected(server, chunk, source)
            self._await(server, chunk, source.executed)
            self._collect(server, chunk)
        chunk.note(source, now)
        self._store_if_new(chunk)
        self._let_go_if_due(chunk, source)
        self._look_after_gap()

    def _begin(self, server: connect.Server, source: receiving.Source) -> OpenChunk:
        snapshots = self._store.snapshots()
        start = receiving.start(peers.owner(self._env), source, *peers.held(self._env, snapshots))
        if start.gap and not source.is_settled:
            raise errors.WaitTimeout(_UNSETTLED)
        if start.gap:
            self._log.say(f"gap: {start.gap}")
        self._gap, self._looked_at = start.gap, -_LOOK_SECONDS
        return self._new_chunk(server, source.group, start)

    def _end(self, server: connect.Server, chunk: OpenChunk, source: receiving.Source, why: str) -> None:
        """Store the complete files of the chunk's own history; the next chunk starts from what the repository holds."""
        self._log.say(f"starting over: {why}")
        receiver.stop(server)
        try:
            self._collect(server, chunk, foreign=source.group if source.group != chunk.chunk.group else "")
            self._store_if_new(chunk)
        finally:
            self._open = None

    def _new_chunk(self, server: connect.Server, group: str, start: receiving.Start) -> OpenChunk:
        self._open = None  # until all is done: an interrupted start is repeated
        receiver.begin(server, self._primary(), _CA, start.before)
        # After a node is lost, two receivers may run for a moment: they must never use the same chunk name.
        made = f"{self._cluster}-binlog-{self._clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        signed = backup.SIGNED if peers.key() else backup.UNSIGNED
        facts = (made, self._cluster, self._namespace, self._env["ORIGIN"], group, str(start.before))
        chunk = binlog.Chunk(*facts, number=start.number, signed=signed)
        self._open = OpenChunk.begin(chunk, _CHUNK, self._clock.monotonic())
        self._log.say(f"{made} begins after {start.before or 'nothing'}")
        return self._open

    def _keep_connected(self, server: connect.Server, chunk: OpenChunk, source: receiving.Source) -> None:
        """Stay connected to the primary: another member might lag, so a member that loses the role is left at once."""
        now = receiver.receiving(server)
        if not now.is_connected or source.uuid not in (chunk.source, now.source):
            receiver.connect_to_source(server, peers.login())
            chunk.source = source.uuid

    def _cannot_go_on(self, chunk: binlog.Chunk, had: receiver.Receiving, source: receiving.Source) -> str:
        if had.error in receiver.PURGED and source.group == chunk.group:
            return had.why
        why = receiving.not_on_because(chunk, had.received, source)
        if why is None:
            raise errors.WaitTimeout(_UNSETTLED)
        return why

    def _await(self, server: connect.Server, chunk: OpenChunk, executed: GtidSet) -> None:
        """Wait until everything that the primary had is received; raises WaitTimeout with the reason if it is not."""
        wanted = executed.subtract(chunk.chunk.had)
        deadline = self._clock.monotonic() + _CATCH_UP_SECONDS
        while not wanted.is_subset((now := receiver.receiving(server)).received):
            if now.error:
                raise errors.WaitTimeout(f"not receiving: {now.why}")
            if self._clock.monotonic() > deadline:
                return  # there is a backlog: store what has arrived so far
            self._clock.sleep(0.1)

    def _collect(self, server: connect.Server, chunk: OpenChunk, foreign: str = "") -> None:
        """Take the complete files into the chunk. A damaged one is received again: raises StorageError."""
        receiver.rotate(server)
        received = receiver.receiving(server).received
        try:
            left_out = chunk.take(sorted(_RELAY.glob("relay.[0-9]*"))[:-1], received, foreign)
        except errors.StorageError:
            self._open = None
            raise
        for name in left_out:
            self._log.say(f"{name} holds transactions of another history: not stored")

    def _store_if_new(self, chunk: OpenChunk) -> None:
        if not chunk.is_new():
            return
        chunk.write()
        self._store.put(_CHUNK, binlog.tags(chunk.chunk, peers.key()))
        self._proven = chunk.stored = chunk.chunk
        self._log.say(f"stored {chunk.chunk.transactions} transactions, complete until {chunk.chunk.until}")

    def _let_go_if_due(self, chunk: OpenChunk, source: receiving.Source) -> None:
        """Start another chunk, so that the disk does not grow, and forget snapshots of the old one's earlier states."""
        mib, seconds = float(self._env["CHUNK_MIB"]), float(self._env["CHUNK_SECONDS"])
        if not chunk.is_due(self._clock.monotonic(), mib, seconds):
            return
        try:
            self._store.forget(binlog.superseded(self._store.snapshots(), peers.keys(self._env)))
        except errors.StorageError as error:
            self._log.say_if_new("forget", f"earlier states stay; the repository may be append-only: {error}")
        with self._local() as server:
            self._new_chunk(server, source.group, receiving.Start(chunk.chunk.after, number=chunk.chunk.number + 1))

    def _look_after_gap(self) -> None:
        """Check whether any backup can be recovered to now, judged by the repository: the receiver may be new, and a
        backup made since then does not need what is missing."""
        pause = _GAP_SECONDS if self._gap else _LOOK_SECONDS
        if self._clock.monotonic() - self._looked_at < pause or self._open is None or self._open.stored is None:
            return
        self._looked_at = self._clock.monotonic()
        snapshots = self._store.snapshots()
        if binlog.can_reach_now(self._open.chunk, *peers.held(self._env, snapshots)):
            self._gap = ""
        else:
            self._gap = self._gap or "no backup in the target can be recovered to the present"

    def _report(self, trouble: str) -> None:
        if self._open is not None and (proven := self._open.proven()):
            self._proven = proven
        known = self._proven
        report = binlog.Report(
            at=instant.text(self._clock.now()),
            until=known.until if known else "",
            target=self._env["TARGET"],
            every=self._every,
            transactions=known.transactions if known else 0,
            size=known.size if known else 0,
            trouble=trouble[:300],
            gap=self._gap[:300],
        )
        change = {"metadata": {"annotations": {names.ANNOTATION_BINLOG: json.dumps(asdict(report))}}}
        try:
            self._api.patch("coordination.k8s.io/v1", "leases", names.receiver(self._cluster), change)
            self._log.say_if_new("api", "")
        except errors.KubeError as error:
            self._log.say_if_new("api", f"the API server: {error}")

    def _primary(self) -> str:
        return f"{names.primary_service(self._cluster)}.{self._namespace}.svc"

    def _local(self) -> connect.Server:
        return connect.connect_socket(connect.Login("root", ""), path=_SOCKET)
