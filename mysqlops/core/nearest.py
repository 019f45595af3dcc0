"""The known names that a mistyped word may have meant. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST = 3
_LIKENESS = 0.5  # of two texts, from 0 to 1: `lits` and `list` have 0.75


def names(word: str, known: Iterable[str]) -> list[str]:
    """Those that are like the word, the most similar first."""
    return difflib.get_close_matches(word, [*known], _MOST, _LIKENESS)


def question(word: str, known: Iterable[str]) -> str:
    """The question to ask for an unknown word, such as "did you mean list?"; empty if no name is like it."""
    close = names(word, known)
    return f"did you mean {' or '.join(close)}?" if close else ""
