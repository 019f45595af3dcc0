"""Progress lines for the steps of a backup's Job, as people read them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mysqlops.core import form, quantity, typed
from mysqlops.core.typed import Json

_DOING = {
    "look": "querying the repository",
    "look-again": "querying the repository",
    "run": "querying the repository",
    "copy": "copying",
    "examine": "reading the snapshot",
    "store": "storing",
    "seal": "sealing what was stored",
    "store-seal": "storing the seal",
    "choose": "choosing the backup",
    "fetch": "fetching",
    "check": "comparing",
    "choose-logs": "choosing the binary logs",
    "fetch-logs": "fetching the binary logs",
    "apply-logs": "applying the binary logs",
    "place": "putting the data into the claim",
    "note": "recording the result",
    "verdict": "judging the comparison",
    "init": "looking for a repository",
    "write": "writing a probe",
    "read": "reading the probe",
    "delete": "deleting an old probe",
    "expired": "choosing the expired backups",
    "forget": "pruning",
    "export": "writing the file",
    "add-key": "adding the new password",
    "remove-key": "removing the old password",
}
_SHORTEST = 0.001  # seconds, from which a rate is calculated
_COUNTED = ("bytes_done", "total_bytes", "seconds_elapsed")
_LONGEST = 160  # characters of a line that are shown


def progress(step: str, last_line: str) -> str:
    """The progress line of a running step. What programs read, such as a list in JSON, is not shown."""
    doing = _DOING.get(step, step)
    facts = typed.json_of(last_line)
    if facts is None:
        return f"{doing}: {last_line[:_LONGEST]}" if last_line else doing
    if not isinstance(facts, dict):
        return doing
    rate = _rate(facts)
    return f"{doing}: {rate}" if rate else doing


@dataclass(frozen=True)
class _Transaction:
    gtid: str
    committed: str


@dataclass(frozen=True)
class _Reached:
    to: str
    transactions: int
    last: _Transaction | None
    stopped_before: _Transaction | None


_TRANSACTION = form.optional(form.record(_Transaction))
_REACHED = form.record(_Reached, last=_TRANSACTION, stopped_before=_TRANSACTION)


def proof(last_line: str) -> Json | None:
    """The last line of apply-logs; None if it is something else, as of a step that an earlier run has done."""
    try:
        return asdict(_REACHED("", typed.json_of(last_line)))
    except form.Misfit:
        return None


def reached(report: Json) -> str:
    """The proof that the point was reached, as a sentence."""
    text = f"recovered to {report['to']} by applying {report['transactions']} transactions"
    if report["last"]:
        text += f", the last {report['last']['gtid']}, committed {report['last']['committed']}"
    if report["stopped_before"]:
        text += f"; the next is {report['stopped_before']['gtid']}, committed {report['stopped_before']['committed']}"
    return text


def _rate(facts: Mapping[str, Any]) -> str:
    """Bytes, their rate and the time left, from the fields of restic or of the clone; empty if it has no such."""
    read = {"bytes_done": facts.get("bytes_restored", 0), **facts}
    try:
        done, size, seconds = (form.number(key, read.get(key, 0)) for key in _COUNTED)
    except form.Misfit:
        return ""
    if not size:
        return ""
    text = f"{quantity.format_bytes(int(done))} of {quantity.format_bytes(int(size))}"
    if not done or seconds < _SHORTEST:
        return text
    rate = done / seconds
    return f"{text}, {quantity.format_bytes(int(rate))}/s, {max(0, size - done) / rate:.0f} s to go"
