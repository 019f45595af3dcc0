"""The datagram that agents of one group send each other with `--failure-detection fast` (docs/adr/0061): bytes and
back. Pure, and total: whatever arrives, it is understood or it is not.

It is sealed with a key that only the cluster's pods can make, of a password with which one may remove members anyway.
The password's own strength is not at risk: nobody guesses what mysqlops generates.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mysqlops.core import names

LONGEST = 256  # bytes; with nine members it has 208
SESSION_BYTES = VIEW_BYTES = 8
NO_VIEW = b"\0" * VIEW_BYTES
_HEAD = struct.Struct(">4sBB8sQ8sI")  # what it is, sender, how many others follow, session, number, view, answered
_OTHER = struct.Struct(">B8sQB")  # ordinal, session, number, misses
_WHAT, _SEAL_BYTES, _NEVER = b"mqb1", 16, 0xFFFFFFFF


@dataclass(frozen=True)
class Heard:
    """The newest datagram that the sender had from another agent: of which run, and its number; whether it misses that
    member since."""

    session: bytes = NO_VIEW
    number: int = 0
    misses: bool = False


@dataclass(frozen=True)
class Beat:
    """What one agent says. `number` is its own clock in milliseconds, so whoever gets it back knows when it was sent.
    `view` is NO_VIEW unless its server is ONLINE with a majority; `answered` is how long ago (seconds) its server
    answered it, None for never."""

    ordinal: int
    session: bytes
    number: int
    view: bytes = NO_VIEW
    answered: float | None = None
    others: Mapping[int, Heard] = field(default_factory=dict)


def key(password: str, cluster: str, namespace: str) -> bytes:
    return hmac.digest(password.encode(), f"heartbeat 1 {namespace}/{cluster}".encode(), "sha256")


def view(group_name: str, view_id: str) -> bytes:
    """A view of a group, short; never NO_VIEW."""
    return hashlib.sha256(f"{group_name} {view_id}".encode()).digest()[: VIEW_BYTES - 1] + b"\1"


def write(beat: Beat, sealing: bytes) -> bytes:
    answered = _NEVER if beat.answered is None else min(round(1000 * beat.answered), _NEVER - 1)
    head = (_WHAT, beat.ordinal, len(beat.others), beat.session, beat.number, beat.view, answered)
    others = (_OTHER.pack(at, one.session, one.number, one.misses) for at, one in sorted(beat.others.items()))
    text = _HEAD.pack(*head) + b"".join(others)
    return text + _seal(text, sealing)


def read(data: bytes, keys: Iterable[bytes]) -> Beat | None:
    """None unless it is whole, nothing else, and sealed with one of the keys."""
    text, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
    if not _HEAD.size <= len(text) <= LONGEST or not text.startswith(_WHAT):
        return None
    if not any(hmac.compare_digest(seal, _seal(text, one)) for one in keys):
        return None
    _, ordinal, count, session, number, seen, answered = _HEAD.unpack_from(text)
    if len(text) != _HEAD.size + count * _OTHER.size:
        return None
    found = {at: Heard(whose, last, bool(misses)) for at, whose, last, misses in _OTHER.iter_unpack(text[_HEAD.size :])}
    if len(found) != count or max((ordinal, *found)) >= names.MAX_MEMBERS:
        return None
    return Beat(ordinal, session, number, seen, None if answered == _NEVER else answered / 1000, found)


def _seal(text: bytes, sealing: bytes) -> bytes:
    return hmac.digest(sealing, text, "sha256")[:_SEAL_BYTES]
