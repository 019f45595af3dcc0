"""Who may stop a command: asked before each change and each program in a pod, and while the command waits.

A client has one guard, which all its copies share, so whoever enters stops every part of the command. The holders are
the cluster's lock (operations/lock.py) and a rehearsal, which ends at the first change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Holder(Protocol):
    """Each method returns, or raises why the command must end."""

    def check(self) -> None:
        """Called before each change."""

    def heed(self) -> None:
        """Called while the command waits."""


class Guard:
    """The holders of one command, the outermost first."""

    def __init__(self) -> None:
        self._holders: list[Holder] = []

    @property
    def is_held(self) -> bool:
        return bool(self._holders)

    @contextmanager
    def held_by(self, holder: Holder) -> Iterator[None]:
        self._holders.append(holder)
        try:
            yield
        finally:
            self._holders.remove(holder)

    def check(self) -> None:
        for holder in self._holders:
            holder.check()

    def heed(self) -> None:
        for holder in self._holders:
            holder.heed()
