"""Whether mysqld's process lives: start.sh opens a FIFO for writing and becomes mysqld, so the kernel closes it exactly
when the last thread of that process has ended. mysqld itself knows nothing of it, and cannot be alive without it."""

from __future__ import annotations

import os
import select
from pathlib import Path


def await_end(fifo: Path) -> bool:
    """Wait, asleep, until the process that holds the FIFO has ended; False at once if nobody holds it."""
    try:
        reader = os.open(fifo, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # an older start.sh
        return False
    try:
        if not _is_held(reader):
            return False
        waiting = select.poll()
        waiting.register(reader, 0)  # a hang-up is always reported
        waiting.poll()
        return True
    finally:
        os.close(reader)


def _is_held(reader: int) -> bool:
    try:
        os.read(reader, 1)
    except BlockingIOError:
        return True
    return False
