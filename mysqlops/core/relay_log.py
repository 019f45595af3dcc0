"""Which transactions a binary or relay log holds, when each was committed, and whether the file is whole. Pure.

Only headers and the events that name a transaction are read; the content of a transaction is left to the server.
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html, and for tagged GTIDs
(since 8.3) https://dev.mysql.com/doc/dev/mysql-server/latest/PageLibsMysqlSerialization.html
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from uuid import UUID

from mysqlops.errors import StorageError

MAGIC = b"\xfebin"
_HEADER = struct.Struct("<IBIIIH")  # timestamp, type, server id, event size, position, flags
_ROTATE, _DESCRIPTION, _GTID, _TAGGED_GTID = 4, 15, 33, 42
_STOP, _HEARTBEAT, _PREVIOUS, _HEARTBEAT_2 = 3, 27, 35, 41
_ABOUT_THE_FILE = {_STOP, _ROTATE, _DESCRIPTION, _HEARTBEAT, _PREVIOUS, _HEARTBEAT_2}
_CRC_BYTES = 4
_IN_USE_AT = 17  # the byte of a description's flags that says that the file is being written
_STAMP_BYTES, _HAS_ORIGINAL = 7, 1 << 55
_NUMBERS, _TAG = 1 << 63, re.compile(r"([a-z_][a-z0-9_]{0,31}:)?")
_MOST_NAME_BYTES = 1024  # of the event that names a transaction
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Transaction:
    """`gtid` in the server's notation; `committed` in microseconds since 1970 (UTC), by the server that took it."""

    gtid: str
    committed: int


def transactions(data: bytes | mmap, name: str) -> Iterator[Transaction]:
    """The transactions of one file in commit order; raises StorageError if it is cut off or damaged."""
    for kind, begin, end in _events(data, name):
        if kind in (_GTID, _TAGGED_GTID):
            try:
                body = data[begin : min(end, begin + _MOST_NAME_BYTES)]
                yield _untagged(body) if kind == _GTID else _tagged(body)
            except ValueError as error:
                raise StorageError(f"{name}: the name of a transaction at byte {begin} cannot be read") from error


def is_empty(data: bytes | mmap, name: str) -> bool:
    """True if it holds no part of any transaction."""
    return all(kind in _ABOUT_THE_FILE for kind, _, _ in _events(data, name))


def _events(data: bytes | mmap, name: str) -> Iterator[tuple[int, int, int]]:
    """The type of each event, and where its body begins and ends; its checksum is verified. No event is copied: one row
    may be larger than all memory that a Job has."""
    if data[:4] != MAGIC:
        raise StorageError(f"{name}: not a binary log")
    at, has_checksums = len(MAGIC), False
    while at < len(data):
        if at + _HEADER.size > len(data):
            raise StorageError(f"{name}: cut off at byte {at}")
        _, kind, _, size, _, _ = _HEADER.unpack(data[at : at + _HEADER.size])
        if size < _HEADER.size or at + size > len(data):
            raise StorageError(f"{name}: cut off at byte {at}")
        in_use = b""
        if kind == _DESCRIPTION:
            has_checksums = data[at + size - _CRC_BYTES - 1] == 1
            in_use = bytes([data[at + _IN_USE_AT] & 0xFE])
        # A receiver writes rotation events itself, with or without a checksum.
        if has_checksums and kind != _ROTATE and not _is_whole(data, at, at + size, in_use):
            raise StorageError(f"{name}: the checksum of the event at byte {at} is wrong")
        yield kind, at + _HEADER.size, at + size
        at += size


def _is_whole(data: bytes | mmap, begin: int, end: int, in_use: bytes) -> bool:
    """`in_use` is the byte that the checksum counts as if the file was not being written."""
    found, last = 0, end - _CRC_BYTES
    if in_use:
        found = zlib.crc32(data[begin : begin + _IN_USE_AT] + in_use)
        begin += _IN_USE_AT + 1
    for at in range(begin, last, _PIECE_BYTES):
        found = zlib.crc32(data[at : min(at + _PIECE_BYTES, last)], found)
    return found == int.from_bytes(data[last:end], "little")


def _made(uuid: bytes, tag: str, number: int, committed: int) -> Transaction:
    """Raises ValueError for one that no server writes."""
    if not 0 < number < _NUMBERS or committed >= _HAS_ORIGINAL or not _TAG.fullmatch(tag):
        raise ValueError(number)
    return Transaction(f"{UUID(bytes=uuid)}:{tag}{number}", committed)


def _untagged(body: bytes) -> Transaction:
    """flags 1, UUID 16, number 8, type 1, two logical times 8 each, then one or two commit times."""
    number = int.from_bytes(body[17:25], "little")
    immediate = int.from_bytes(body[42 : 42 + _STAMP_BYTES], "little")
    original = int.from_bytes(body[49 : 49 + _STAMP_BYTES], "little")
    committed = original if immediate & _HAS_ORIGINAL else immediate
    return _made(body[1:17], "", number, committed)


def _tagged(body: bytes) -> Transaction:
    """Fields by number: 1 UUID, 2 number, 3 tag, 6 commit time here, 7 commit time where it was taken if another."""
    reader = _Reader(body)
    for _ in range(3):  # format, size, the last field that may not be ignored
        reader.number()
    uuid, number, tag, committed = b"", 0, "", 0
    while (field := reader.number()) <= 7:
        if field == 1:
            uuid = bytes(reader.number() for _ in range(16))
        elif field == 2:
            number = reader.signed()
        elif field == 3:
            tag = reader.text()
        elif field in (4, 5):
            reader.signed()
        elif field in (6, 7):
            committed = reader.number()
        else:
            reader.number()
    return _made(uuid, f"{tag}:", number, committed)


class _Reader:
    """The server's serialisation: the lowest set bits of an integer's first byte give the number of bytes that
    follow."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self) -> int:
        if self._at >= len(self._data):
            return 1 << 62  # past the last field
        first = self._data[self._at]
        more = 0
        while more < 8 and first >> more & 1:
            more += 1
        raw = int.from_bytes(self._data[self._at : self._at + more + 1], "little")
        self._at += more + 1
        return raw >> (more + 1) if more < 8 else raw >> 8

    def signed(self) -> int:
        found = self.number()
        return -(found >> 1) - 1 if found & 1 else found >> 1

    def text(self) -> str:
        size = self.number()
        self._at += size
        return self._data[self._at - size : self._at].decode()
