"""The programs of a restore that apply binary logs to a backup, between the steps of restic."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mysqlops import errors
from mysqlops.agent.jobs import local, peers
from mysqlops.clock import Clock, SystemClock
from mysqlops.core import backup, binlog, facts, pitr, relay_log
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import accounts, connect, receiver

_WORK, _SCRATCH = Path("/work"), Path("/scratch")
_LOGS, _PASSWORD, _STATEMENTS = _WORK / "logs", _WORK / "replay-password", _WORK / "replay.sql"
_CHUNKS = _WORK / "chunks.json"  # the records of the needed chunks
_REPLAY = _SCRATCH / "replay"
_USER = "mysqlops_replay"


class Replay:
    """One run of one program; TO in the environment is the point, as pitr.parse reads it."""

    def __init__(self, environment: Mapping[str, str] = os.environ, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._env, self._point = environment, pitr.parse(environment["TO"])

    def choose(self) -> None:
        """List the snapshots with the needed logs; raises Refused for a point out of reach."""
        if (_SCRATCH / "data").exists():
            return
        snapshots = facts.listed((_WORK / "snapshots.json").read_text())
        made, keys = self._backup(), backup.Keys(trusted=(peers.key(),))
        reach = binlog.reach(made, binlog.chunks(snapshots, keys))
        pitr.check(self._point, made, reach)
        needed = pitr.needed(self._point, reach.chunks)
        _LOGS.write_text("".join(_lines(needed, binlog.claiming(snapshots, keys), backup.trees(snapshots))))
        _CHUNKS.write_text(json.dumps([asdict(chunk) for chunk in needed]))
        password = secrets.token_urlsafe(24)
        for file in (_PASSWORD, _STATEMENTS):
            file.touch(0o600)
        _PASSWORD.write_text(password)
        # As a hash: a password policy that the restored data brings along would refuse the password.
        _STATEMENTS.write_text(
            f"CREATE USER {_USER}@localhost IDENTIFIED {accounts.as_hash(password)};\n"
            f"GRANT ALL ON *.* TO {_USER}@localhost;\n"
        )
        size = sum(chunk.size for chunk in needed)
        print(f"{len(needed)} chunks of binary logs, {size} bytes, up to {reach.until}", flush=True)

    def apply(self) -> None:
        """Apply the logs up to the point, and prove that it was reached; raises StepFailed. Before applying anything,
        it raises StorageError if the logs lack anything that the chunks count, Refused if the backup is past the
        point."""
        if (_SCRATCH / "data").exists():
            return
        held = GtidSet.parse(self._backup().gtid)
        files = sorted(_REPLAY.glob("relay.[0-9]*")) if _LOGS.read_text() else []
        chunks = [facts.make(binlog.Chunk, chunk) for chunk in json.loads(_CHUNKS.read_text())]
        _check_files(files, chunks)
        replay = pitr.replay(self._point, held, _transactions(files), chunks)
        if files:
            local.APPLYING.touch()  # the previous data of a volume snapshot cannot be restored after that
            with local.wait_for(self._clock, "applier", connect.Login(_USER, _PASSWORD.read_text())) as server:
                self._apply(server, files[0], held, replay)
                receiver.forget(server)
                server.query(f"DROP USER {_USER}@localhost")
                local.stop(self._clock, "applier", server)
        print(json.dumps(_answer(self._point, replay)), flush=True)

    def _apply(self, server: connect.Server, first: Path, held: GtidSet, replay: pitr.Replay) -> None:
        wanted = held.union(replay.wanted)
        if replay.wanted:
            receiver.apply(server, str(first), replay.stop.gtid if replay.stop else None)
        while True:  # the Job has a deadline: how long it takes depends on how much is applied
            executed, is_running = receiver.applied(server)
            if wanted.is_subset(executed) or not is_running:
                break
            done = executed.subtract(held).count()
            print(f"{done} of {replay.wanted.count()} transactions", flush=True)
            self._clock.sleep(0.5)
        if executed != wanted:
            lacks, surplus = wanted.subtract(executed), executed.subtract(wanted)
            raise errors.StepFailed(
                f"not at {self._point}: missing {lacks or 'nothing'}, in excess {surplus or 'nothing'}"
            )

    def _backup(self) -> backup.Backup:
        found = facts.manifest((_SCRATCH / "copy" / "manifest.json").read_bytes())["backup"]
        # Only the entry that the command checked says whether the backup is sealed, and its logs must be sealed then.
        return replace(facts.make(backup.Backup, found), signed=self._env.get("SIGNED", backup.UNSIGNED))


def _lines(needed: list[binlog.Chunk], claiming: dict[binlog.Chunk, list[str]], trees: dict[str, str]) -> Iterator[str]:
    """A line for each chunk: the digest of its files and the snapshots that may hold them: anybody who may write to the
    repository can store other files under copied tags. Older releases recorded no digest."""
    for chunk in needed:
        same = claiming[replace(chunk, snapshot="")] if _is_counted(chunk) else [chunk.snapshot]
        distinct = {trees.get(one, one): one for one in reversed(same)}
        yield f"{chunk.digest or '-'} {' '.join(reversed(distinct.values()))}\n"


def _is_counted(chunk: binlog.Chunk) -> bool:
    return bool(chunk.files or not chunk.transactions)


def _check_files(files: list[Path], chunks: list[binlog.Chunk]) -> None:
    """Raises StorageError unless these are the files that the entries count. Older releases recorded no count: entries
    before and after theirs are checked, and the files between belong to them."""
    left, rest = list(files), list(chunks)
    while rest and _is_counted(rest[0]):
        chunk = rest.pop(0)
        _check_digest(left[: chunk.files], chunk)
        left = left[chunk.files :]
    while rest and _is_counted(rest[-1]):
        chunk = rest.pop()
        start = max(0, len(left) - chunk.files)
        _check_digest(left[start:], chunk)
        left = left[:start]
    if left and not rest:
        raise errors.StorageError(f"{len(left)} binary log files do not belong to any entry")


def _check_digest(files: list[Path], chunk: binlog.Chunk) -> None:
    digest = ""
    for file in files:
        with _read(file) as data:
            digest = binlog.chained(digest, data)
    if digest != chunk.digest:
        raise errors.StorageError(f"the binary logs of {chunk.id} do not match its entry")


def _transactions(files: list[Path]) -> Iterator[relay_log.Transaction]:
    for file in files:
        with _read(file) as data:
            yield from relay_log.transactions(data, file.name)


@contextlib.contextmanager
def _read(file: Path) -> Iterator[bytes | mmap.mmap]:
    with file.open("rb") as opened:
        if not file.stat().st_size:  # cannot be mapped
            yield b""
            return
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _answer(point: pitr.Point, replay: pitr.Replay) -> dict[str, Any]:
    """The proof, for people and machines."""
    answer: dict[str, Any] = {"to": str(point), "transactions": replay.wanted.count()}
    for name, one in (("last", replay.last), ("stopped_before", replay.stop)):
        answer[name] = {"gtid": one.gtid, "committed": binlog.moment(one.committed)} if one else None
    return answer


PROGRAMS = {"backup-choose-logs": Replay.choose, "backup-apply-logs": Replay.apply}
