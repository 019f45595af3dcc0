"""When a member's volume counts as filling, and when as full."""

from __future__ import annotations

FILLING = 0.85
_FULL_SHARE = 0.02
_FULL_BYTES = 64 << 20  # a burst of writes must not fill the volume between two looks of the agent


def is_full(size: int, used: int) -> bool:
    """True if so little is left that mysqld would soon wait for space, and still count as ONLINE (MySQL bug 102515).

    Bytes; an unknown size (0) is never full.
    """
    return size > 0 and size - used < max(_FULL_SHARE * size, _FULL_BYTES)


def is_filling(size: int, used: int) -> bool:
    return size > 0 and used > FILLING * size
