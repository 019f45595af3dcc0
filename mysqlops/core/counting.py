"""Numbers of things as people read them. Pure."""

from __future__ import annotations


def of(number: int, thing: str) -> str:
    """`1 table`, `3 tables`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
