"""What MySQL Shell's upgrade checker found, from its JSON. Another program printed it about data of others: it may hold
anything. Pure.

https://dev.mysql.com/doc/mysql-shell/9.7/en/mysql-shell-utilities-upgrade.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mysqlops.core import typed

ERROR, WARNING, NOTICE = LEVELS = ("error", "warning", "notice")
_LONGEST = 300


@dataclass(frozen=True)
class Finding:
    """`about` is the object of the database, or empty."""

    level: str
    check: str
    about: str
    text: str

    def sentence(self) -> str:
        return ": ".join(part for part in (self.check, self.about, self.text) if part)


@dataclass(frozen=True)
class Found:
    """`errors` is the checker's own count."""

    findings: tuple[Finding, ...]
    errors: int

    def of(self, level: str) -> list[Finding]:
        return [one for one in self.findings if one.level == level]

    def unread_errors(self) -> int:
        """Errors that the checker counts and that no finding says."""
        return max(0, self.errors - len(self.of(ERROR)))


def read(output: str) -> Found | None:
    """None if the output holds no result of the checker, whatever else it says."""
    told = typed.object_of(output[output.find("{") : output.rfind("}") + 1])
    checks = told.get("checksPerformed")
    if not isinstance(checks, list):
        return None
    count = told.get("errorCount")
    found = tuple(finding for check in checks if isinstance(check, dict) for finding in _of_check(check))
    return Found(found, count if isinstance(count, int) else 0)


def _of_check(check: dict[str, Any]) -> Iterator[Finding]:
    title = _text(check.get("title")) or _text(check.get("id"))
    if str(check.get("status", "")).upper() == "ERROR":
        yield Finding(WARNING, title, "", f"the check could not be made: {_text(check.get('description'))}")
    problems = check.get("detectedProblems")
    for problem in problems if isinstance(problems, list) else []:
        if isinstance(problem, dict):
            level = str(problem.get("level", "")).lower()
            text = _text(problem.get("description")) or _text(check.get("description"))
            # A level that a later Shell invents is worth reading.
            yield Finding(level if level in LEVELS else WARNING, title, _text(problem.get("dbObject")), text)


def _text(value: Any) -> str:
    words = " ".join(value.split()) if isinstance(value, str) else ""
    return typed.visible(words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…")
