"""The chunk that a receiver is filling, with the binary log of a real server 9.7."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.agent.jobs.open_chunk import OpenChunk
from mysqlops.core import binlog, receiving, relay_log
from mysqlops.core.gtid import GtidSet

LOG = (Path(__file__).parents[1] / "binlog-9.7").read_bytes()
HELD = [one.gtid for one in relay_log.transactions(LOG, "log")]
ALL = GtidSet.parse(",".join(HELD))
SOURCE = receiving.Source("p1", HELD[0].partition(":")[0], ALL, GtidSet())
EARLY, LATE = "2026-01-01T12:00:00.000000Z", "2026-01-01T12:00:30.000000Z"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "relay.000001"
    made.write_bytes(LOG)
    return made


@pytest.fixture
def chunk(tmp_path: Path) -> OpenChunk:
    (tmp_path / "chunk").mkdir()
    (tmp_path / "chunk" / "relay.000009").write_text("of the chunk before")
    return OpenChunk.begin(binlog.Chunk("c", "mysql", "db", "uid", "g", ""), tmp_path / "chunk", 0.0)


def test_it_holds_the_files_that_it_took_and_nothing_of_the_one_before(chunk: OpenChunk, file: Path) -> None:
    assert chunk.take([file], ALL) == []
    assert chunk.take([file], ALL) == [], "a file is taken once"
    assert (chunk.chunk.came, chunk.chunk.files, chunk.chunk.size) == (ALL, 1, len(LOG))
    assert [one.name for one in (file.parent / "chunk").iterdir()] == ["relay.000001"]


def test_what_the_server_does_not_count_yet_is_counted_once_it_does(chunk: OpenChunk, file: Path) -> None:
    chunk.take([file], ALL.subtract(GtidSet.parse(HELD[-1])))
    assert chunk.chunk.transactions == len(HELD) - 1
    chunk.take([], ALL)
    assert chunk.chunk.came == ALL


def test_a_file_of_another_history_is_left_out(chunk: OpenChunk, file: Path) -> None:
    assert chunk.take([file], ALL, foreign=HELD[0].partition(":")[0]) == ["relay.000001"]
    assert (chunk.chunk.gtid, chunk.chunk.files) == ("", 0)


def test_a_file_that_is_cut_off_is_an_error(chunk: OpenChunk, file: Path) -> None:
    file.write_bytes(LOG[:-5])
    with pytest.raises(errors.StorageError):
        chunk.take([file], ALL)


def test_it_is_complete_as_of_the_turn_before(chunk: OpenChunk, file: Path) -> None:
    chunk.note(SOURCE, EARLY)
    assert (chunk.chunk.until, chunk.is_new()) == ("", False)
    chunk.take([file], ALL)
    chunk.note(SOURCE, LATE)
    assert chunk.chunk.until == max(EARLY, binlog.just_before(chunk.chunk.last))
    assert chunk.is_new()


def test_what_is_stored_is_stored_again_only_with_something_new(chunk: OpenChunk, file: Path) -> None:
    chunk.chunk = replace(chunk.chunk, until=EARLY)
    chunk.write()
    assert json.loads((file.parent / "chunk" / "chunk.json").read_text())["revision"] == 1
    assert chunk.proven() is None
    chunk.stored = chunk.chunk
    chunk.chunk = replace(chunk.chunk, until=LATE)
    assert (chunk.is_new(), chunk.proven()) == (False, chunk.chunk), "nothing came: all until now is stored"
    chunk.take([file], ALL)
    assert (chunk.is_new(), chunk.proven()) == (True, chunk.stored)


def test_a_stored_chunk_is_due_when_it_is_large_or_old(chunk: OpenChunk, file: Path) -> None:
    chunk.take([file], ALL)
    assert not chunk.is_due(9.0, mib=0, seconds=1), "not stored"
    chunk.stored = chunk.chunk
    assert chunk.is_due(9.0, mib=0, seconds=99)
    assert chunk.is_due(9.0, mib=1, seconds=1)
    assert not chunk.is_due(9.0, mib=1, seconds=99)
