"""Binary logs of any size and content: rows larger than a Job's memory, and servers that are not what they say."""

from __future__ import annotations

import mmap
import tracemalloc
import zlib
from pathlib import Path

import pytest

from mysqlops.core import relay_log
from mysqlops.errors import StorageError

LOG = (Path(__file__).parents[1] / "binlog-9.7").read_bytes()
_HEADER = relay_log._HEADER.size
GTID, TAGGED, ROWS = 33, 42, 30


def _event(kind: int, body: bytes) -> bytes:
    event = relay_log._HEADER.pack(0, kind, 1, _HEADER + len(body) + 4, 0, 0) + body
    return event + zlib.crc32(event).to_bytes(4, "little")


def _named(uuid: bytes = b"a" * 16, number: int = 7, committed: int = 1) -> bytes:
    return b"\0" + uuid + number.to_bytes(8, "little") + bytes(17) + committed.to_bytes(7, "little") + bytes(7)


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """Its magic with the description, and the rest."""
    size = relay_log._HEADER.unpack(data[4 : 4 + _HEADER])[3]
    return data[: 4 + size], data[4 + size :]


HEAD, REST = _parts(LOG)


def test_a_row_of_any_size_takes_no_memory(tmp_path: Path) -> None:
    """An UPDATE of a row of 50 MB is an event of 100 MB; the receiver has 192 MiB."""
    file = tmp_path / "relay.000001"
    file.write_bytes(HEAD + _event(GTID, _named()) + _event(ROWS, bytes(40 << 20)) + REST)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        tracemalloc.start()
        try:
            found = list(relay_log.transactions(data, "log"))
            assert not relay_log.is_empty(data, "log")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(found) == 1 + len(list(relay_log.transactions(LOG, "log")))
    assert most < 8 << 20


def test_a_large_event_that_is_damaged_is_found() -> None:
    event = bytearray(_event(ROWS, bytes(3 << 20)))
    event[2 << 20] = 1
    with pytest.raises(StorageError, match="the checksum of the event at byte"):
        list(relay_log.transactions(HEAD + bytes(event), "log"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (GTID, b""),
        (GTID, b"\0" * 12),
        (GTID, _named(number=0)),
        (GTID, _named(number=(1 << 64) - 1)),
        (TAGGED, b""),
        (TAGGED, b"\xff" * 600),
        (TAGGED, bytes(range(256)) * 4),
        (TAGGED, b"\x02\x02\x02\x02" + b"\xff" * 200),
    ],
)
def test_a_transaction_whose_name_no_server_writes_is_damage(kind: int, body: bytes) -> None:
    """Whoever leads the group, or may write to the repository, writes it."""
    with pytest.raises(StorageError, match="log: the name of a transaction at byte"):
        list(relay_log.transactions(HEAD + _event(kind, body), "log"))
