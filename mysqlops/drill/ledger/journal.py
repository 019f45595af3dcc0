"""The clients' journals as values. A line is: KIND WHO NUMBER SECONDS TEXT.

Writes: I intent (TEXT is the token), O acknowledged (TEXT: seconds it took), F refused for certain, U unknown.
Members, asked ten times a second: W would take a write, R would not, S silent.
Reads: P through the primary Service, Q through the replicas'. WHO is the writing client whose rows were read, NUMBER
its last acknowledged write before the read began, TEXT the highest that was seen.
X: a client, a poll or a reader died of an unexpected error (TEXT): its observations are missing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

INTENT, ACKNOWLEDGED, REFUSED, UNKNOWN = "I", "O", "F", "U"
WRITABLE, READ_ONLY, SILENT = "W", "R", "S"
READ_PRIMARY, READ_REPLICAS = "P", "Q"
DIED = "X"
_WRITES = {INTENT, ACKNOWLEDGED, REFUSED, UNKNOWN}
_SIGHTS = {WRITABLE, READ_ONLY, SILENT}
_READS = {READ_PRIMARY, READ_REPLICAS}


@dataclass(frozen=True)
class Line:
    """One line; `at` is the writer's clock."""

    kind: str
    who: str
    number: int
    at: float
    text: str = ""

    @property
    def latency(self) -> float | None:
        """How long an acknowledged write took, if its line says so."""
        return float(self.text) if _SECONDS.fullmatch(self.text) else None


# What can be calculated with: whoever gets into a pod of clients writes what its journals say.
_LINE = re.compile(r"([A-Z]) (\S+) ([0-9]{1,10}) ([0-9]{1,11}(?:\.[0-9]{1,9})?)(?: (.*))?", re.ASCII)
_SECONDS, _HIGHEST = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?"), re.compile("[0-9]{0,10}")


def parse(text: str) -> list[Line]:
    """A last line that is incomplete does not count, nor does one of another form."""
    found = []
    for line in text.split("\n")[:-1]:
        words = _LINE.fullmatch(line)
        if words is None:
            continue
        kind, who, number, at, rest = words[1], words[2], int(words[3]), float(words[4]), words[5] or ""
        if kind not in _READS or _HIGHEST.fullmatch(rest):
            found.append(Line(kind, who, number, at, rest))
    return found


def writes(lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.kind in _WRITES]


def sights(lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.kind in _SIGHTS]


def reads(lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.kind in _READS]


def died(lines: Iterable[Line]) -> str:
    """Which client died of which error; empty if none did."""
    return "; ".join(f"{line.who} died: {line.text}" for line in lines if line.kind == DIED)


def digest(texts: Iterable[str]) -> str:
    """Identifies the journals from which a result was made."""
    whole = hashlib.sha256()
    for text in texts:
        whole.update(text.encode())
    return whole.hexdigest()[:16]
