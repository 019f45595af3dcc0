"""The folder of a drill's report: report.json, .md and .html, and every round's journals."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

from mysqlops import errors
from mysqlops.core import typed
from mysqlops.drill.model import Report, load_report
from mysqlops.drill.report import markdown, page
from mysqlops.drill.round import Result


class Folder:
    """DIR/drill-FAULT-TIME; created at the first write."""

    def __init__(self, parent: Path, fault: str, now: datetime) -> None:
        self.path = parent / f"drill-{fault}-{now:%Y%m%dT%H%M%SZ}"

    def keep(self, result: Result) -> None:
        """Write the round's journals, and the members' rows if they differ from the journals; on disk at return."""
        folder = self.path / "journals" / f"{result.round.number:03}"
        _make(folder)
        for name, text in result.journals.items():
            _write(folder / f"{name}.log", text)
        if result.round.witnesses:
            for member, held in result.held.items():
                _write(folder / f"rows-{member}.txt", "".join(f"{' '.join(map(str, row))}\n" for row in sorted(held)))

    def write(self, report: Report) -> None:
        _make(self.path)
        _write(self.path / "report.json", json.dumps(report.as_json(), indent=1) + "\n")
        _write(self.path / "report.md", markdown.of(report))
        _write(self.path / "report.html", page.of(report))


def read(path: Path) -> Report:
    """The report in a folder or file; raises ConfigError."""
    file = path / "report.json" if path.is_dir() else path
    try:
        found = typed.json_of(file.read_bytes())
    except OSError as error:
        raise errors.ConfigError(f"{file}: {error.strerror}") from error
    if found is None:
        raise errors.ConfigError(f"{file} is not JSON")
    return load_report(found)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.ConfigError(f"--report {folder}: {error.strerror}") from error


def _write(file: Path, text: str) -> None:
    """Atomic: a reader never sees half a report."""
    half = file.with_name(f".{file.name}.half")
    try:
        with half.open("w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        half.replace(file)
    except OSError as error:
        raise errors.ConfigError(f"--report {file}: {error.strerror}") from error
